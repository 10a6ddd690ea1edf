#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/image.h"
#include "core/tensor.h"
#include "imaging/tile.h"

namespace diffbir {

/// [1,3,H,W] in [0,1] from an 8-bit picture.
Tensor image_to_tensor(const Image& image);

/// The same for n tiles of one size, which must lie inside the picture: [n,3,h,w].
Tensor image_to_tensor(const Image& image, std::span<const Tile> tiles);

/// Values from 0..1 to -1..1, in place, and back.
void to_signed(Tensor& x);
void to_unsigned(Tensor& x);

/// Levels 0..255 of values in [0,1]; values outside are clamped.
std::vector<std::uint8_t> to_uint8(std::span<const float> values, Rounding rounding = Rounding::truncate);

/// Item `batch` of x [B,3,H,W] in [0,1] as an 8-bit picture.
Image tensor_to_image(const Tensor& x, std::int64_t batch = 0, Rounding rounding = Rounding::truncate);

}  // namespace diffbir
