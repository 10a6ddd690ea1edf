#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "imaging/tile.h"

namespace diffbir {

/// Grows x [B,C,H,W] to the right and at the bottom until both sides are multiples of `multiple` >= 1
/// (behaviour.md 2.2); a copy where they already are.
Tensor pad_to_multiples_of(const Tensor& x, std::int64_t multiple, PadMode mode = PadMode::zero);

/// A tile of what pad_to_multiples_of makes of x, without making the rest; the tile may lie beyond x, right and below.
Tensor cut_padded(const Tensor& x, const Tile& tile, PadMode mode);

/// The upper left height x width pixels of x [B,C,H,W], which must not be smaller.
Tensor crop(const Tensor& x, std::int64_t height, std::int64_t width);

/// The same, and x itself where it has that size already.
Tensor cropped(Tensor x, std::int64_t height, std::int64_t width);

}  // namespace diffbir
