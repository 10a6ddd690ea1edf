// In the place of native/cuda/kernel.cuh: .cu files as C++, whose kernels run on the host when they are launched on a
// GPU that computes (rehearsal_launch()).
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "cuda/check.h"
#include "rehearsal/kernels/blocks.h"
#include "rehearsal/state.h"

#undef __global__
#undef __device__
#undef __shared__
#define __global__
#define __device__
#define __shared__ static thread_local  // all threads of a block are fibers of one
#define __launch_bounds__(...)

#define threadIdx (::diffbir::rehearsal::place().thread)
#define blockIdx (::diffbir::rehearsal::place().block)
#define blockDim (::diffbir::rehearsal::place().threads)
#define gridDim (::diffbir::rehearsal::place().blocks)

namespace diffbir::cuda {

using std::isfinite;
using std::min;

inline void __syncthreads() { rehearsal::sync_threads(); }
inline float __shfl_xor_sync(unsigned, float value, int distance) { return rehearsal::shuffle_xor(value, distance); }
inline float __expf(float x) { return std::exp(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }

template <typename... Parameters, typename... Arguments>
void launch_blocks(void (*kernel)(Parameters...), dim3 blocks, unsigned threads, std::size_t shared_bytes, void* stream,
                   const Arguments&... arguments) {
  const char* const name = __PRETTY_FUNCTION__;
  bool computes = false;
  DIFFBIR_CUDA_CHECK(
      rehearsal_launch(name, blocks, threads, shared_bytes, static_cast<cudaStream_t>(stream), &computes));
  if (computes) rehearsal::run_blocks(name, blocks, threads, shared_bytes, [&] { kernel(arguments...); });
}

template <typename T>
T* shared_memory() {
  return static_cast<T*>(rehearsal::block_memory());
}

}  // namespace diffbir::cuda
