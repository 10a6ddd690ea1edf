// `gpu_twins`: every kernel against its host twin. Exit code 0: all within their tolerances; 1: not; 77: no CUDA
// device.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iterator>
#include <vector>

#include "cuda/twins/twin.h"

int main() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    std::printf("no CUDA device: %s\n", cudaGetErrorString(status));
    return 77;
  }
  std::vector<diffbir::cuda::Twin> twins = diffbir::cuda::diffusion_twins();
  std::ranges::move(diffbir::cuda::imaging_twins(), std::back_inserter(twins));
  std::ranges::move(diffbir::cuda::fused_twins(), std::back_inserter(twins));
  std::ranges::move(diffbir::cuda::norm_twins(), std::back_inserter(twins));
  std::ranges::move(diffbir::cuda::window_twins(), std::back_inserter(twins));
  std::ranges::move(diffbir::cuda::concat_twins(), std::back_inserter(twins));
  int failures = 0;
  for (const diffbir::cuda::Twin& twin : twins) {
    try {
      const double difference = twin.difference();
      const bool passes = difference <= twin.tolerance;
      failures += passes ? 0 : 1;
      std::printf("%s %-44s %.3g of %.3g\n", passes ? "pass" : "FAIL", twin.name.c_str(), difference, twin.tolerance);
    } catch (const std::exception& error) {
      ++failures;
      std::printf("FAIL %-44s %s\n", twin.name.c_str(), error.what());
    }
    std::fflush(stdout);  // the next may end the process
  }
  return failures == 0 ? 0 : 1;
}
