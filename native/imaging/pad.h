#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace diffbir {

/// What the added pixels hold. The reference adds zeros: black in image space, 0 in latent space, and either leaks into
/// the border. Reflecting does not; a side that is shorter than what is added is reflected to and fro.
enum class PadMode { zero, reflect };

/// Grows x [B,C,H,W] to the right and at the bottom until both sides are multiples of `multiple` >= 1
/// (behaviour.md 2.2); a copy where they already are.
Tensor pad_to_multiples_of(const Tensor& x, std::int64_t multiple, PadMode mode = PadMode::zero);

/// The upper left height x width pixels of x [B,C,H,W], which must not be smaller.
Tensor crop(const Tensor& x, std::int64_t height, std::int64_t width);

}  // namespace diffbir
