#include "imaging/wavelet.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "core/error.h"
#include "imaging/kernels.h"

namespace diffbir {

namespace {

constexpr int kLevels = 5;

std::int64_t radius_of(int level) { return std::int64_t{1} << level; }

/// What wavelet_decomposition leaves as low, without the cost of its high.
Tensor low_band(const Tensor& x) {
  Tensor low = wavelet_blur(x, radius_of(0));
  for (int level = 1; level < kLevels; ++level) low = wavelet_blur(low, radius_of(level));
  return low;
}

void blur_row(const float* above, const float* row, const float* below, std::int64_t width, std::int64_t radius,
              float* out) {
  const auto clamped = [&](std::int64_t x) {
    return binomial_3x3(above, row, below, std::max<std::int64_t>(x - radius, 0), x, std::min(x + radius, width - 1));
  };
  const std::int64_t left = std::min(radius, width);
  const std::int64_t right = std::max(width - radius, left);
  for (std::int64_t x = 0; x < left; ++x) out[x] = clamped(x);
  for (std::int64_t x = left; x < right; ++x) out[x] = binomial_3x3(above, row, below, x - radius, x, x + radius);
  for (std::int64_t x = right; x < width; ++x) out[x] = clamped(x);
}

}  // namespace

Tensor wavelet_blur(const Tensor& x, std::int64_t radius) {
  require_nchw(x, "wavelet_blur");
  if (radius < 1) {
    throw Error(ErrorCode::internal, "Expected a radius of at least 1 but received " + std::to_string(radius));
  }
  const std::int64_t height = x.dim(2);
  const std::int64_t width = x.dim(3);
  radius = std::min(radius, std::max(height, width));  // a larger one reads the same border pixels
  Tensor blurred(x.shape());
  for (std::int64_t b = 0; b < x.dim(0); ++b) {
    for (std::int64_t c = 0; c < x.dim(1); ++c) {
      const float* in = x.plane(b, c).data();
      float* out = blurred.plane(b, c).data();
      for (std::int64_t y = 0; y < height; ++y) {
        const float* above = in + std::max<std::int64_t>(y - radius, 0) * width;
        const float* below = in + std::min(y + radius, height - 1) * width;
        blur_row(above, in + y * width, below, width, radius, out + y * width);
      }
    }
  }
  return blurred;
}

WaveletBands wavelet_decomposition(const Tensor& x) {
  WaveletBands bands{Tensor(x.shape()), x};
  for (int level = 0; level < kLevels; ++level) {
    Tensor low = wavelet_blur(bands.low, radius_of(level));
    float* high = bands.high.data();
    for (std::size_t i = 0; i < low.size(); ++i) high[i] += bands.low.data()[i] - low.data()[i];
    bands.low = std::move(low);
  }
  return bands;
}

Tensor wavelet_reconstruction(const Tensor& content, const Tensor& style) {
  require_same_shape(content, style, "wavelet_reconstruction");
  Tensor result = wavelet_decomposition(content).high;
  const Tensor low = low_band(style);
  for (std::size_t i = 0; i < result.size(); ++i) result.data()[i] += low.data()[i];
  return result;
}

}  // namespace diffbir
