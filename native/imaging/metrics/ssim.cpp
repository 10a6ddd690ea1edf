#include "imaging/metrics/ssim.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace diffbir {

namespace {

constexpr double kC1 = (0.01 * 255) * (0.01 * 255);
constexpr double kC2 = (0.03 * 255) * (0.03 * 255);
constexpr std::array kScaleWeights = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};

Plane product(const Plane& a, const Plane& b) {
  Plane result(a.height, a.width);
  for (std::size_t i = 0; i < a.values.size(); ++i) result.values[i] = a.values[i] * b.values[i];
  return result;
}

struct Similarity {
  double contrast_structure;  // mean over windows
  double ssim;
};

Similarity similarity(const Plane& a, const Plane& b) {
  const auto window = gaussian_window(kSsimSide / 2, 1.5);
  const Plane mean_a = filter_inside(a, window);
  const Plane mean_b = filter_inside(b, window);
  const Plane square_a = filter_inside(product(a, a), window);
  const Plane square_b = filter_inside(product(b, b), window);
  const Plane mixed = filter_inside(product(a, b), window);
  Similarity sum{0, 0};
  for (std::size_t i = 0; i < mixed.values.size(); ++i) {
    const double ma = mean_a.values[i];
    const double mb = mean_b.values[i];
    const double variances = square_a.values[i] - ma * ma + square_b.values[i] - mb * mb;
    const double contrast_structure = (2 * (mixed.values[i] - ma * mb) + kC2) / (variances + kC2);
    sum.contrast_structure += contrast_structure;
    sum.ssim += contrast_structure * (2 * ma * mb + kC1) / (ma * ma + mb * mb + kC1);
  }
  const auto count = static_cast<double>(mixed.values.size());
  return {sum.contrast_structure / count, sum.ssim / count};
}

Plane halved(const Plane& plane) {
  Plane half(plane.height / 2, plane.width / 2);
  for (std::int64_t y = 0; y < half.height; ++y) {
    const double* upper = plane.row(2 * y);
    const double* lower = plane.row(2 * y + 1);
    for (std::int64_t x = 0; x < half.width; ++x) {
      half.row(y)[x] = (upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1]) / 4;
    }
  }
  return half;
}

}  // namespace

double ssim(const Plane& a, const Plane& b) { return similarity(a, b).ssim; }

double ms_ssim(const Plane& a, const Plane& b) {
  double result = 1;
  Plane small_a = a;
  Plane small_b = b;
  for (std::size_t scale = 0; scale < kScaleWeights.size(); ++scale) {
    const bool last = scale + 1 == kScaleWeights.size();
    const Similarity found = similarity(small_a, small_b);
    result *= std::pow(std::max(last ? found.ssim : found.contrast_structure, 0.0), kScaleWeights[scale]);
    if (last) break;
    small_a = halved(small_a);
    small_b = halved(small_b);
  }
  return result;
}

}  // namespace diffbir
