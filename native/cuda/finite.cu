#include <cuda_runtime.h>

#include "cuda/check.h"
#include "cuda/finite.h"

namespace diffbir::cuda {

namespace {

__global__ void mark_kernel(const float* values, std::size_t count, float* found) {
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    if (!isfinite(values[i])) *found = 1.0F;  // whoever comes last writes the same
  }
}

}  // namespace

void mark_not_finite(const float* values, std::size_t count, float* found, void* stream) {
  constexpr std::size_t threads = 256;
  constexpr std::size_t most_blocks = 4096;
  const std::size_t blocks = (count + threads - 1) / threads;
  mark_kernel<<<static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks), static_cast<unsigned>(threads), 0,
                static_cast<cudaStream_t>(stream)>>>(values, count, found);
  DIFFBIR_CUDA_CHECK(cudaGetLastError());
}

}  // namespace diffbir::cuda
