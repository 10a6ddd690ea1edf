#pragma once

#include <cstdint>

#include "core/image.h"
#include "core/tensor.h"
#include "imaging/tile.h"

namespace diffbir {

/// Pillow's Image.resize(BICUBIC) on 8-bit RGB, bit for bit (behaviour.md B.1): the reference upscales its input so.
/// Antialiased when it shrinks; width, height >= 1.
Image resize_bicubic_pil(const Image& image, std::int64_t width, std::int64_t height);

/// Pillow's Image.resize(BOX) on 8-bit RGB: the mean of the pixels that each output covers. width, height >= 1.
Image resize_box_pil(const Image& image, std::int64_t width, std::int64_t height);

/// The reference's centre crop to size x size (behaviour.md 8.2): halved with BOX while both sides are at least twice
/// as long, shrunk or enlarged with BICUBIC until the short side fits, then cut.
Image center_crop(const Image& image, std::int64_t size);

/// torch's interpolate(mode="bicubic", antialias=True, align_corners=False) (behaviour.md B.2).
/// x [B,C,H,W] of any range, which the result may overshoot; height, width >= 1.
Tensor resize_bicubic_antialias(const Tensor& x, std::int64_t height, std::int64_t width);

/// The short edge becomes `size`, the long one int(long * (size / short)) (behaviour.md 2.2).
Size short_edge_size(Size size, std::int64_t short_edge);

/// resize_bicubic_antialias to short_edge_size.
Tensor resize_short_edge_to(const Tensor& x, std::int64_t short_edge);

}  // namespace diffbir
