#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "cuda/check.h"

/// For .cu files alone: what they need of CUDA's language that a C++ compiler cannot read.
/// native/rehearsal/kernels/cuda/kernel.cuh stands in its place where kernels run on the host.
namespace diffbir::cuda {

/// Enqueues kernel<<<blocks, threads, shared_bytes, stream>>>(arguments...) and returns at once; `stream` is a
/// cudaStream_t. Throws what check.h throws where the launch is refused.
template <typename... Parameters, typename... Arguments>
void launch_blocks(void (*kernel)(Parameters...), dim3 blocks, unsigned threads, std::size_t shared_bytes, void* stream,
                   const Arguments&... arguments) {
  kernel<<<blocks, threads, shared_bytes, static_cast<cudaStream_t>(stream)>>>(arguments...);
  DIFFBIR_CUDA_CHECK(cudaGetLastError());
}

/// In a kernel: the `shared_bytes` that the threads of a block have together.
template <typename T>
__device__ T* shared_memory() {
  extern __shared__ float4 memory[];
  return reinterpret_cast<T*>(memory);
}

}  // namespace diffbir::cuda
