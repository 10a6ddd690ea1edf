#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include "core/tensor.h"
#include "imaging/metrics/aggd.h"
#include "imaging/metrics/niqe.h"
#include "imaging/metrics/plane.h"
#include "imaging/resize.h"

namespace diffbir {

namespace {

constexpr std::int64_t kRadius = 3;
constexpr double kSigma = 7.0 / 6.0;
/// Smaller differences from the local mean, in levels, are rounding: a flat area has none.
constexpr double kLeastDifference = 1e-3;

/// Border pixels repeated `radius` times.
Plane replicated(const Plane& plane, std::int64_t radius) {
  Plane padded(plane.height + 2 * radius, plane.width + 2 * radius);
  for (std::int64_t y = 0; y < padded.height; ++y) {
    const double* source = plane.row(std::clamp<std::int64_t>(y - radius, 0, plane.height - 1));
    for (std::int64_t x = 0; x < padded.width; ++x) {
      padded.row(y)[x] = source[std::clamp<std::int64_t>(x - radius, 0, plane.width - 1)];
    }
  }
  return padded;
}

struct Normalized {
  Plane values;     // (x - local mean) / (local deviation + 1)
  Plane deviation;  // in levels
};

Normalized normalize_locally(const Plane& plane) {
  const auto window = gaussian_window(kRadius, kSigma);
  Plane padded = replicated(plane, kRadius);
  const Plane mean = filter_inside(padded, window);
  for (double& value : padded.values) value *= value;
  Normalized result{plane, filter_inside(padded, window)};
  for (std::size_t i = 0; i < mean.values.size(); ++i) {
    double& deviation = result.deviation.values[i];
    deviation = std::sqrt(std::fabs(deviation - mean.values[i] * mean.values[i]));
    const double difference = plane.values[i] - mean.values[i];
    result.values.values[i] = std::fabs(difference) < kLeastDifference ? 0 : difference / (deviation + 1);
  }
  return result;
}

Plane half_size(const Plane& plane) {
  Tensor x({1, 1, plane.height, plane.width}, {plane.values.begin(), plane.values.end()});
  x = resize_bicubic_antialias(x, plane.height / 2, plane.width / 2);
  Plane half(plane.height / 2, plane.width / 2);
  std::copy(x.values().begin(), x.values().end(), half.values.begin());
  return half;
}

struct Patch {
  std::int64_t y;
  std::int64_t x;
  std::int64_t side;
};

/// The 18 features of one patch at one scale.
void add_features(const Plane& normalized, const Patch& patch, std::vector<double>& features) {
  const auto value = [&](std::int64_t y, std::int64_t x) { return normalized.row(patch.y + y)[patch.x + x]; };
  std::vector<double> values;
  for (std::int64_t y = 0; y < patch.side; ++y) {
    for (std::int64_t x = 0; x < patch.side; ++x) values.push_back(value(y, x));
  }
  const Aggd single = fit_aggd(values);
  features.insert(features.end(), {single.shape, (single.left + single.right) / 2});
  constexpr std::array<std::pair<std::int64_t, std::int64_t>, 4> directions = {{{0, 1}, {1, 0}, {1, 1}, {1, -1}}};
  for (const auto& [down, right] : directions) {
    values.clear();
    for (std::int64_t y = 0; y + down < patch.side; ++y) {
      for (std::int64_t x = std::max<std::int64_t>(-right, 0); x + std::max<std::int64_t>(right, 0) < patch.side; ++x) {
        values.push_back(value(y, x) * value(y + down, x + right));
      }
    }
    const Aggd pair = fit_aggd(values);
    features.insert(features.end(), {pair.shape, pair.mean(), pair.left, pair.right});
  }
}

double mean_over(const Plane& plane, const Patch& patch) {
  double sum = 0;
  for (std::int64_t y = patch.y; y < patch.y + patch.side; ++y) {
    for (std::int64_t x = patch.x; x < patch.x + patch.side; ++x) sum += plane.row(y)[x];
  }
  return sum / static_cast<double>(patch.side * patch.side);
}

/// The upper left part in whole patches.
Plane whole_patches(const Plane& plane) {
  Plane result(plane.height / kNiqePatch * kNiqePatch, plane.width / kNiqePatch * kNiqePatch);
  for (std::int64_t y = 0; y < result.height; ++y) std::copy_n(plane.row(y), result.width, result.row(y));
  return result;
}

}  // namespace

NiqePatches niqe_patches(const Image& image) {
  NiqePatches patches;
  const Plane luma = whole_patches(luma_of(image));
  if (luma.values.empty()) return patches;
  const Normalized full = normalize_locally(luma);
  const Normalized half = normalize_locally(half_size(luma));
  for (std::int64_t y = 0; y < luma.height; y += kNiqePatch) {
    for (std::int64_t x = 0; x < luma.width; x += kNiqePatch) {
      const Patch patch{y, x, kNiqePatch};
      std::vector<double> features;
      add_features(full.values, patch, features);
      add_features(half.values, {y / 2, x / 2, kNiqePatch / 2}, features);
      if (!std::all_of(features.begin(), features.end(), [](double value) { return std::isfinite(value); })) continue;
      patches.features.insert(patches.features.end(), features.begin(), features.end());
      patches.sharpness.push_back(mean_over(full.deviation, patch));
    }
  }
  return patches;
}

}  // namespace diffbir
