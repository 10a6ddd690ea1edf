#include "imaging/cv/filter.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "imaging/tiling.h"

namespace diffbir::cv {

namespace {

/// The least of `side` neighbours along an axis of `length` values `step` apart, from side / 2 before each on: the
/// least of ever longer runs, doubled, since that of any length is the least of two runs of a power of two.
void erode_line(float* line, std::int64_t length, std::int64_t step, std::int64_t side, std::vector<float>& run) {
  constexpr float nothing = HUGE_VALF;
  const std::int64_t before = side / 2;
  run.assign(static_cast<std::size_t>(length + side), nothing);
  for (std::int64_t i = 0; i < length; ++i) run[static_cast<std::size_t>(i + before)] = line[i * step];
  std::int64_t covered = 1;
  for (; covered * 2 <= side; covered *= 2) {
    for (std::size_t i = 0; i + static_cast<std::size_t>(covered) < run.size(); ++i) {
      run[i] = std::min(run[i], run[i + static_cast<std::size_t>(covered)]);
    }
  }
  for (std::int64_t i = 0; i < length; ++i) {
    line[i * step] = std::min(run[static_cast<std::size_t>(i)], run[static_cast<std::size_t>(i + side - covered)]);
  }
}

/// OpenCV's weights for short kernels whose sigma is left to it, from the middle outwards.
const std::vector<float>* short_kernel(std::int64_t side) {
  static const std::vector<float> kernels[] = {{1},
                                               {0.5F, 0.25F},
                                               {0.375F, 0.25F, 0.0625F},
                                               {0.28125F, 0.21875F, 0.109375F, 0.03125F},
                                               {0.234375F, 0.19921875F, 0.1171875F, 0.05078125F, 0.015625F}};
  return side <= 9 ? &kernels[side / 2] : nullptr;
}

std::vector<float> gaussian(std::int64_t side, double sigma) {
  if (const auto* half = sigma <= 0 ? short_kernel(side) : nullptr) {
    std::vector<float> kernel(half->rbegin(), half->rend());
    kernel.insert(kernel.end(), half->begin() + 1, half->end());
    return kernel;
  }
  if (sigma <= 0) sigma = 0.3 * ((static_cast<double>(side) - 1) * 0.5 - 1) + 0.8;
  std::vector<double> weights;
  double sum = 0;
  for (std::int64_t i = 0; i < side; ++i) {
    const double t = static_cast<double>(i) - static_cast<double>(side - 1) / 2;
    weights.push_back(std::exp(-t * t / (2 * sigma * sigma)));
    sum += weights.back();
  }
  std::vector<float> kernel;
  for (const double weight : weights) kernel.push_back(static_cast<float>(weight / sum));
  return kernel;
}

/// ... 2 1 | 0 1 2 ... n-1 | n-2 ..., to and fro where the kernel is longer than the plane.
std::int64_t reflected(std::int64_t i, std::int64_t n) {
  if (n == 1) return 0;
  const std::int64_t period = 2 * (n - 1);
  i = ((i % period) + period) % period;
  return i < n ? i : period - i;
}

}  // namespace

Plane erode(const Plane& plane, std::int64_t side, const CancellationToken& token) {
  Plane result = plane;
  std::vector<float> run;
  for (std::int64_t y = 0; y < result.height; ++y) erode_line(result.row(y), result.width, 1, side, run);
  for (std::int64_t x = 0; x < result.width; ++x) {
    if (x % 64 == 0) token.check();
    erode_line(result.values.data() + x, result.height, result.width, side, run);
  }
  return result;
}

Plane gaussian_blur(const Plane& plane, std::int64_t side, double sigma, const CancellationToken& token) {
  const std::vector<float> kernel = gaussian(side, sigma);
  const std::int64_t radius = side / 2;
  Plane rows(plane.height, plane.width);
  std::vector<float> line(static_cast<std::size_t>(plane.width + 2 * radius));
  for (std::int64_t y = 0; y < plane.height; ++y) {
    token.check();
    for (std::int64_t i = 0; i < std::ssize(line); ++i) {
      line[static_cast<std::size_t>(i)] = plane.row(y)[reflected(i - radius, plane.width)];
    }
    for (std::size_t k = 0; k < kernel.size(); ++k) {
      for (std::int64_t x = 0; x < plane.width; ++x)
        rows.row(y)[x] += kernel[k] * line[static_cast<std::size_t>(x) + k];
    }
  }
  Plane result(plane.height, plane.width);
  for (std::int64_t y = 0; y < plane.height; ++y) {
    token.check();
    for (std::int64_t k = 0; k < side; ++k) {
      const float* source = rows.row(reflected(y + k - radius, plane.height));
      for (std::int64_t x = 0; x < plane.width; ++x) {
        result.row(y)[x] += kernel[static_cast<std::size_t>(k)] * source[x];
      }
    }
  }
  return result;
}

}  // namespace diffbir::cv
