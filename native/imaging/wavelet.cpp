#include "imaging/wavelet.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "imaging/kernels.h"
#include "imaging/on_device.h"

namespace diffbir {

namespace {

constexpr int kLevels = 5;

/// How many rows away a row is felt after all levels: the sum of their radii.
constexpr std::int64_t kReach = (std::int64_t{1} << kLevels) - 1;

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
    for (std::size_t i = 0; i < low.size(); ++i) high[i] = with_detail(high[i], bands.low.data()[i], low.data()[i]);
    bands.low = std::move(low);
  }
  return bands;
}

Tensor wavelet_reconstruction(Tensor content, const Tensor& style, std::int64_t strip) {
  require_same_shape(content, style, "wavelet_reconstruction");
  require_nchw(content, "wavelet_reconstruction");
  if (strip < 1) throw Error(ErrorCode::internal, "Expected strips of at least one row");
  if (content.device()) return on_device::wavelet_reconstruction(std::move(content), style);
  const std::int64_t height = content.dim(2);
  const std::int64_t width = content.dim(3);
  for (std::int64_t b = 0; b < content.dim(0); ++b) {
    for (std::int64_t c = 0; c < content.dim(1); ++c) {
      const auto target = content.plane(b, c);
      const auto colours = style.plane(b, c);
      std::vector<float> above;  // the rows above the strip as they were before they were replaced
      for (std::int64_t y = 0; y < height; y += strip) {
        const std::int64_t end = std::min(height, y + strip);
        const std::int64_t first = std::max<std::int64_t>(0, y - kReach);
        const std::int64_t last = std::min(height, end + kReach);
        std::vector<float> rows(above.begin() + static_cast<std::ptrdiff_t>(above.size()) - (y - first) * width,
                                above.end());
        rows.insert(rows.end(), target.begin() + y * width, target.begin() + last * width);
        const std::int64_t kept = std::min(end, kReach);
        above.assign(rows.begin() + (end - kept - first) * width, rows.begin() + (end - first) * width);

        const Shape shape{1, 1, last - first, width};
        const Tensor high = wavelet_decomposition(Tensor(shape, std::move(rows))).high;
        const Tensor low = low_band(
            Tensor(shape, std::vector<float>(colours.begin() + first * width, colours.begin() + last * width)));
        const std::int64_t offset = (y - first) * width;
        for (std::int64_t i = 0; i < (end - y) * width; ++i) {
          target[y * width + i] = high.data()[offset + i] + low.data()[offset + i];
        }
      }
    }
  }
  return content;
}

}  // namespace diffbir
