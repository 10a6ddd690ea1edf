#pragma once

#include "core/cancellation.h"
#include "core/tensor.h"
#include "pipeline/networks.h"

namespace diffbir {

/// Stage 1 (DiffBIR paper, section 3.2; behaviour.md 2.3): removes the degradation, promises no detail.
/// lq [1,3,H,W] in 0..1 -> condition image of the same size, or, with `minimum_short_edge` above the short edge, of the
/// size that enlarging to it gives. Not clamped. Throws Error(numeric) when the network's answer is not finite.
Tensor clean(const Cleaner& cleaner, const Tensor& lq, std::int64_t minimum_short_edge, CancellationToken& token);

}  // namespace diffbir
