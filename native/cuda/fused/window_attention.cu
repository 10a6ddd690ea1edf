#include "cuda/fused/fused.h"
#include "cuda/fused/window_attention.h"
#include "cuda/on_device.h"

namespace diffbir::cuda {

bool fused_window_attention(const bodies::WindowInput& input, const bodies::WindowSizes& sizes,
                            const bodies::WindowShift& shift, void* out, void* stream) {
  return bodies::window_attention(OnDevice{stream}, input, sizes, shift, static_cast<bodies::HalfPair*>(out));
}

}  // namespace diffbir::cuda
