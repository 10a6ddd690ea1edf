// What stands in for this folder in a build without CUDA.
#ifndef DIFFBIR_CUDA

#include "core/error.h"
#include "cuda/context.h"
#include "cuda/probe.h"

namespace diffbir::cuda {

Probe probe() { return {}; }

std::shared_ptr<Context> Context::open(int device) {
  throw Error(ErrorCode::no_device,
              "CUDA device " + std::to_string(device) + " cannot be used: this build of diffbir is without CUDA");
}

}  // namespace diffbir::cuda

#endif
