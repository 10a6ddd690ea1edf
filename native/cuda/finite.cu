#include "cuda/finite.h"
#include "cuda/kernel.cuh"

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
  constexpr unsigned threads = 256;
  constexpr std::size_t most_blocks = 4096;
  const std::size_t blocks = (count + threads - 1) / threads;
  launch_blocks(mark_kernel, static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks), threads, 0, stream,
                values, count, found);
}

}  // namespace diffbir::cuda
