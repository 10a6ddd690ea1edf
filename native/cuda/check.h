#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "core/error.h"

namespace diffbir::cuda {

/// Throws Error(runtime_failed), or out_of_memory, with the call, its place and CUDA's own text unless it succeeded.
inline void check(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // a later check would report this one
  const ErrorCode code = status == cudaErrorMemoryAllocation ? ErrorCode::out_of_memory : ErrorCode::runtime_failed;
  throw Error(code, std::string(call) + " failed at " + file + ":" + std::to_string(line) + ": " +
                        cudaGetErrorName(status) + ": " + cudaGetErrorString(status));
}

}  // namespace diffbir::cuda

#define DIFFBIR_CUDA_CHECK(call) ::diffbir::cuda::check((call), #call, __FILE__, __LINE__)
