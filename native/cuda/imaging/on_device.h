#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/check.h"

/// For .cu files alone: the launch (bodies/launch.h) that runs a body as a kernel.
namespace diffbir::cuda {

template <typename Body>
__global__ void run_body(std::int64_t count, const Body body) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) body(i);
}

/// Enqueues on a cudaStream_t and returns at once. Throws what check.h throws where the launch is refused.
struct OnDevice {
  void* stream;

  template <typename Body>
  void operator()(std::int64_t count, const Body& body) const {
    constexpr std::int64_t threads = 256;
    constexpr std::int64_t most_blocks = std::int64_t{1} << 20;  // beyond it threads take several indices
    if (count <= 0) return;
    const std::int64_t blocks = (count + threads - 1) / threads;
    run_body<<<static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks), static_cast<unsigned>(threads), 0,
               static_cast<cudaStream_t>(stream)>>>(count, body);
    DIFFBIR_CUDA_CHECK(cudaGetLastError());
  }
};

}  // namespace diffbir::cuda
