#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace diffbir {

/// Colour fix by wavelets (behaviour.md 7.1): the detail of one picture over the colours of another. All pictures are
/// [B,C,H,W], nominally in [0,1], never clamped; any size from 1x1.

/// 3x3 binomial filter with taps `radius` >= 1 pixels apart; the border is replicated.
Tensor wavelet_blur(const Tensor& x, std::int64_t radius);

struct WaveletBands {
  Tensor high;
  Tensor low;
};

/// Five levels with radius 1, 2, 4, 8, 16 of the undecimated ("a trous") transform: high + low = x.
WaveletBands wavelet_decomposition(const Tensor& x);

/// high(content) + low(style); both of one shape. Works in place of content, `strip` >= 1 rows at a time, so that a
/// large picture needs no second copy of itself; the strip's height does not change a bit of the result.
Tensor wavelet_reconstruction(Tensor content, const Tensor& style, std::int64_t strip = 256);

}  // namespace diffbir
