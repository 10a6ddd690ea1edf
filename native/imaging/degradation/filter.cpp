#include "imaging/degradation/filter.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/error.h"

namespace diffbir {

namespace {

constexpr std::int64_t kSharpenSize = 51;
constexpr double kSharpenSigma = 8;  // what OpenCV takes for a kernel of 51: 0.3 * ((51 - 1) / 2 - 1) + 0.8
constexpr float kSharpenAmount = 0.5F;
constexpr float kSharpenThreshold = 10;  // levels of 255

void require_room(const Tensor& x, std::int64_t kernel) {
  if (std::min(x.dim(2), x.dim(3)) > kernel / 2) return;
  throw Error(ErrorCode::invalid_image, "A picture of " + std::to_string(x.dim(3)) + " x " + std::to_string(x.dim(2)) +
                                            " pixels is too small for a kernel of " + std::to_string(kernel) + " x " +
                                            std::to_string(kernel));
}

/// A plane with `radius` reflected pixels on every side.
class Padded {
 public:
  Padded(std::span<const float> plane, std::int64_t height, std::int64_t width, std::int64_t radius_y,
         std::int64_t radius_x)
      : stride_(width + 2 * radius_x), values_(static_cast<std::size_t>(stride_ * (height + 2 * radius_y))) {
    const auto reflect = [](std::int64_t i, std::int64_t n) { return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i; };
    auto out = values_.begin();
    for (std::int64_t y = -radius_y; y < height + radius_y; ++y) {
      const float* row = plane.data() + reflect(y, height) * width;
      for (std::int64_t x = -radius_x; x < width + radius_x; ++x) *out++ = row[reflect(x, width)];
    }
  }
  const float* row(std::int64_t y) const { return values_.data() + y * stride_; }

 private:
  std::int64_t stride_;
  std::vector<float> values_;
};

/// out = correlation of a plane with weights [rows, columns]; rows and columns are odd.
void correlate(std::span<const float> plane, std::int64_t height, std::int64_t width, const std::vector<float>& weights,
               std::int64_t rows, std::int64_t columns, const CancellationToken& token, float* out) {
  const Padded padded(plane, height, width, rows / 2, columns / 2);
  for (std::int64_t y = 0; y < height; ++y, out += width) {
    token.check();
    std::fill(out, out + width, 0.0F);
    for (std::int64_t ky = 0; ky < rows; ++ky) {
      const float* source = padded.row(y + ky);
      for (std::int64_t kx = 0; kx < columns; ++kx, ++source) {
        const float weight = weights[static_cast<std::size_t>(ky * columns + kx)];
        if (weight == 0) continue;  // kernels are often padded
        for (std::int64_t i = 0; i < width; ++i) out[i] += weight * source[i];
      }
    }
  }
}

template <typename FilterPlane>
Tensor for_each_plane(const Tensor& x, FilterPlane filter) {
  Tensor result(x.shape());
  for (std::int64_t b = 0; b < x.dim(0); ++b) {
    for (std::int64_t c = 0; c < x.dim(1); ++c) filter(b, x.plane(b, c), result.plane(b, c).data());
  }
  return result;
}

/// The Gaussian of sharpen(), one axis after the other: 51 + 51 instead of 51 * 51 products a pixel.
Tensor sharpen_blur(const Tensor& x, const CancellationToken& token) {
  std::vector<float> weights;
  double sum = 0;
  for (std::int64_t i = 0; i < kSharpenSize; ++i) {
    const double t = static_cast<double>(i - kSharpenSize / 2) / kSharpenSigma;
    weights.push_back(static_cast<float>(std::exp(-0.5 * t * t)));
    sum += weights.back();
  }
  for (float& weight : weights) weight = static_cast<float>(weight / sum);
  const std::int64_t height = x.dim(2);
  const std::int64_t width = x.dim(3);
  std::vector<float> rows(static_cast<std::size_t>(height * width));
  return for_each_plane(x, [&](std::int64_t, std::span<const float> plane, float* out) {
    correlate(plane, height, width, weights, 1, kSharpenSize, token, rows.data());
    correlate(rows, height, width, weights, kSharpenSize, 1, token, out);
  });
}

}  // namespace

Tensor filter2d(const Tensor& x, const std::vector<BlurKernel>& kernels, const CancellationToken& token) {
  require_nchw(x, "filter2d");
  if (kernels.size() != 1 && kernels.size() != static_cast<std::size_t>(x.dim(0))) {
    throw Error(ErrorCode::internal, "Expected 1 or " + std::to_string(x.dim(0)) + " kernels for filter2d");
  }
  for (const BlurKernel& kernel : kernels) require_room(x, kernel.size);
  return for_each_plane(x, [&](std::int64_t b, std::span<const float> plane, float* out) {
    const BlurKernel& kernel = kernels[kernels.size() == 1 ? 0 : static_cast<std::size_t>(b)];
    const std::vector<float> weights(kernel.weights.begin(), kernel.weights.end());
    correlate(plane, x.dim(2), x.dim(3), weights, kernel.size, kernel.size, token, out);
  });
}

Tensor sharpen(const Tensor& x, const CancellationToken& token) {
  require_nchw(x, "sharpen");
  require_room(x, kSharpenSize);
  const Tensor blurred = sharpen_blur(x, token);
  Tensor mask(x.shape());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float residual = x.data()[i] - blurred.data()[i];
    mask.data()[i] = std::fabs(residual) * 255.0F > kSharpenThreshold ? 1.0F : 0.0F;
  }
  Tensor result = sharpen_blur(mask, token);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float value = x.data()[i];
    const float sharp = std::clamp(value + kSharpenAmount * (value - blurred.data()[i]), 0.0F, 1.0F);
    float& soft_mask = result.data()[i];
    soft_mask = soft_mask * sharp + (1.0F - soft_mask) * value;
  }
  return result;
}

}  // namespace diffbir
