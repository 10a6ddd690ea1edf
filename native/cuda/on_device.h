#pragma once

#include <cstdint>

#include "cuda/kernel.cuh"

/// For .cu files alone: how kernels over indices are launched, and the launch (bodies/launch.h) that runs a body as
/// one.
namespace diffbir::cuda {

/// In a kernel: f(i) for those of the indices 0 <= i < count that are this thread's.
template <typename F>
__device__ void for_each_of_thread(std::int64_t count, const F& f) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) f(i);
}

/// Enqueues kernel(count, arguments...) on a cudaStream_t, with threads for `count` indices, and returns at once.
/// Throws what launch_blocks() throws.
template <typename... Arguments>
void launch(void (*kernel)(std::int64_t, Arguments...), void* stream, std::int64_t count, Arguments... arguments) {
  constexpr unsigned threads = 256;
  constexpr std::int64_t most_blocks = std::int64_t{1} << 20;  // beyond it threads take several indices
  if (count <= 0) return;
  const std::int64_t blocks = (count + threads - 1) / threads;
  launch_blocks(kernel, static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks), threads, 0, stream, count,
                arguments...);
}

template <typename Body>
__global__ void run_body(std::int64_t count, const Body body) {
  for_each_of_thread(count, body);
}

/// Throws what launch() throws.
struct OnDevice {
  void* stream;

  template <typename Body>
  void operator()(std::int64_t count, const Body& body) const {
    launch(run_body<Body>, stream, count, body);
  }
};

}  // namespace diffbir::cuda
