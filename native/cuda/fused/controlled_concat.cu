#include "cuda/fused/controlled_concat.h"
#include "cuda/fused/fused.h"
#include "cuda/on_device.h"

namespace diffbir::cuda {

void fused_controlled_concat(const bodies::ControlledConcatInput& input, void* out, void* stream) {
  bodies::controlled_concat(OnDevice{stream}, input, static_cast<bodies::HalfVector*>(out));
}

}  // namespace diffbir::cuda
