#include "imaging/degradation/interpolate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "imaging/resample.h"

namespace diffbir {

namespace {

constexpr float kTorchCubic = -0.75F;

/// torch's cubic weights for the taps at floor(src) - 1 .. + 2, `t` the fraction of src.
std::array<float, 4> cubic_weights(float t) {
  constexpr float a = kTorchCubic;
  const auto near = [](float s) { return ((a + 2) * s - (a + 3)) * s * s + 1; };
  const auto far = [](float s) { return ((a * s - 5 * a) * s + 8 * a) * s - 4 * a; };
  return {far(t + 1), near(t), near(1 - t), far(2 - t)};
}

/// Collects the taps of one axis. Sources beyond the border are the border, so that their weights add up there.
class TapsBuilder {
 public:
  TapsBuilder(std::int64_t in, std::int64_t out, std::int64_t stride) : in_(in) {
    taps_.stride = std::min(in, stride);
    taps_.weights.resize(element_count({out, taps_.stride}));
  }

  void add(std::int64_t first, std::span<const float> weights) {
    const std::int64_t last = std::clamp<std::int64_t>(first + std::ssize(weights) - 1, 0, in_ - 1);
    const std::int64_t begin = std::clamp<std::int64_t>(first, 0, in_ - 1);
    float* target = taps_.weights.data() + taps_.outputs() * taps_.stride;
    for (std::size_t k = 0; k < weights.size(); ++k) {
      const auto source = std::clamp<std::int64_t>(first + static_cast<std::int64_t>(k), 0, in_ - 1);
      target[source - begin] += weights[k];
    }
    taps_.windows.push_back({begin, last - begin + 1});
  }

  Taps<float> take() && { return std::move(taps_); }

 private:
  std::int64_t in_;
  Taps<float> taps_;
};

/// `scale` is input pixels an output pixel. Coordinates are float32, as torch's are.
Taps<float> linear_taps(std::int64_t in, std::int64_t out, float scale) {
  TapsBuilder taps(in, out, 2);
  for (std::int64_t x = 0; x < out; ++x) {
    const float source = std::max(scale * (static_cast<float>(x) + 0.5F) - 0.5F, 0.0F);
    const float floor = std::floor(source);
    const float t = source - floor;
    taps.add(static_cast<std::int64_t>(floor), std::array{1 - t, t});
  }
  return std::move(taps).take();
}

Taps<float> cubic_taps(std::int64_t in, std::int64_t out, float scale) {
  TapsBuilder taps(in, out, 4);
  for (std::int64_t x = 0; x < out; ++x) {
    const float source = scale * (static_cast<float>(x) + 0.5F) - 0.5F;
    const float floor = std::floor(source);
    taps.add(static_cast<std::int64_t>(floor) - 1, cubic_weights(source - floor));
  }
  return std::move(taps).take();
}

Taps<float> nearest_taps(std::int64_t in, std::int64_t out, float scale, float offset) {
  TapsBuilder taps(in, out, 1);
  for (std::int64_t x = 0; x < out; ++x) {
    taps.add(static_cast<std::int64_t>(std::floor((static_cast<float>(x) + offset) * scale)), std::array{1.0F});
  }
  return std::move(taps).take();
}

/// Output x is the mean of the inputs from floor(x in / out) to ceil((x + 1) in / out): windows may overlap.
Taps<float> area_taps(std::int64_t in, std::int64_t out) {
  TapsBuilder taps(in, out, in / out + 2);
  for (std::int64_t x = 0; x < out; ++x) {
    const std::int64_t first = x * in / out;
    const std::int64_t count = ((x + 1) * in + out - 1) / out - first;
    taps.add(first, std::vector<float>(static_cast<std::size_t>(count), 1.0F / static_cast<float>(count)));
  }
  return std::move(taps).take();
}

Taps<float> taps_of(Interpolation mode, std::int64_t in, std::int64_t out, float scale) {
  switch (mode) {
    case Interpolation::nearest:
      return nearest_taps(in, out, scale, 0);
    case Interpolation::nearest_exact:
      return nearest_taps(in, out, scale, 0.5F);
    case Interpolation::bilinear:
      return linear_taps(in, out, scale);
    case Interpolation::bicubic:
      return cubic_taps(in, out, scale);
    case Interpolation::area:
      break;
  }
  return area_taps(in, out);
}

float quotient(std::int64_t in, std::int64_t out) { return static_cast<float>(in) / static_cast<float>(out); }

}  // namespace

Tensor interpolate(const Tensor& x, std::int64_t height, std::int64_t width, Interpolation mode) {
  require_nchw(x, "interpolate");
  require_size(height);
  require_size(width);
  return resample_planes(x, taps_of(mode, x.dim(3), width, quotient(x.dim(3), width)),
                         taps_of(mode, x.dim(2), height, quotient(x.dim(2), height)));
}

Tensor interpolate_by(const Tensor& x, double scale, Interpolation mode) {
  require_nchw(x, "interpolate_by");
  if (!(scale > 0 && scale <= 1024)) {
    throw Error(ErrorCode::internal, "Expected a scale above 0, at most 1024, but received " + std::to_string(scale));
  }
  const auto scaled = [&](std::int64_t side) {
    return std::max<std::int64_t>(static_cast<std::int64_t>(std::floor(static_cast<double>(side) * scale)), 1);
  };
  const auto inverse = static_cast<float>(1.0 / scale);
  return resample_planes(x, taps_of(mode, x.dim(3), scaled(x.dim(3)), inverse),
                         taps_of(mode, x.dim(2), scaled(x.dim(2)), inverse));
}

Tensor resize_linear_cv2(const Tensor& x, std::int64_t height, std::int64_t width) {
  require_nchw(x, "resize_linear_cv2");
  require_size(height);
  require_size(width);
  const auto taps = [](std::int64_t in, std::int64_t out) {
    TapsBuilder builder(in, out, 2);
    const double scale = static_cast<double>(in) / static_cast<double>(out);
    for (std::int64_t i = 0; i < out; ++i) {
      // Unlike torch, coordinates are double until the fraction is taken, and not clamped below at 0.
      const auto source = static_cast<float>((static_cast<double>(i) + 0.5) * scale - 0.5);
      const float floor = std::floor(source);
      builder.add(static_cast<std::int64_t>(floor), std::array{1 - (source - floor), source - floor});
    }
    return std::move(builder).take();
  };
  return resample_planes(x, taps(x.dim(3), width), taps(x.dim(2), height));
}

}  // namespace diffbir
