#pragma once

// Marks the functions over one element or one pixel that diffusion/ and imaging/ are made of: compiled for the host
// always, and for the device when nvcc includes the same header. Such headers stay within C++17.
#ifdef __CUDACC__
#define DIFFBIR_HOST_DEVICE __host__ __device__
#else
#define DIFFBIR_HOST_DEVICE
#endif
