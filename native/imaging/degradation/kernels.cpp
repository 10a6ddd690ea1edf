#include "imaging/degradation/kernels.h"

#include <math.h>  // j1, which <cmath> need not have

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <string>

#include "core/error.h"

namespace diffbir {

namespace {

void require_kernel_size(std::int64_t size) {
  if (size >= 1 && size <= kMaxKernelSize && size % 2 == 1) return;
  throw Error(ErrorCode::invalid_option, "Expected an odd kernel size from 1 to " + std::to_string(kMaxKernelSize) +
                                             " but received " + std::to_string(size));
}

void require_positive(double value, const char* name) {
  if (value > 0 && std::isfinite(value)) return;
  throw Error(ErrorCode::invalid_option,
              std::string("Expected a number above 0 for ") + name + " but received " + std::to_string(value));
}

/// Bessel function of the first kind, order 1. libc++ lacks C++17's std::cyl_bessel_j.
double bessel_j1(double x) {
#ifdef _MSC_VER
  return ::_j1(x);
#else
  return ::j1(x);
#endif
}

/// Fills a kernel with value(x, y), x and y in pixels from the centre, and divides it by its sum.
template <typename Value>
BlurKernel normalized(std::int64_t size, Value value) {
  BlurKernel kernel{size, {}};
  kernel.weights.reserve(static_cast<std::size_t>(size * size));
  const std::int64_t radius = size / 2;
  double sum = 0;
  for (std::int64_t y = -radius; y <= radius; ++y) {
    for (std::int64_t x = -radius; x <= radius; ++x) {
      kernel.weights.push_back(value(static_cast<double>(x), static_cast<double>(y)));
      sum += kernel.weights.back();
    }
  }
  for (double& weight : kernel.weights) weight /= sum;
  return kernel;
}

}  // namespace

BlurKernel blur_kernel(BlurShape shape, std::int64_t size, const BlurSpread& spread, double beta) {
  require_kernel_size(size);
  require_positive(spread.sigma_x, "sigma");
  require_positive(spread.sigma_y, "sigma");
  require_positive(beta, "beta");
  const double cosine = std::cos(spread.theta);
  const double sine = std::sin(spread.theta);
  return normalized(size, [&](double x, double y) {
    // p^T (U diag(sx^2, sy^2) U^T)^-1 p: the components along the kernel's own axes, each over its deviation.
    const double along = (cosine * x + sine * y) / spread.sigma_x;
    const double across = (cosine * y - sine * x) / spread.sigma_y;
    const double q = along * along + across * across;
    switch (shape) {
      case BlurShape::generalized:
        return std::exp(-0.5 * std::pow(q, beta));
      case BlurShape::plateau:
        return 1.0 / (std::pow(q, beta) + 1.0);
      case BlurShape::gaussian:
        break;
    }
    return std::exp(-0.5 * q);
  });
}

BlurKernel sinc_kernel(double cutoff, std::int64_t size) {
  require_kernel_size(size);
  require_positive(cutoff, "cutoff");
  if (cutoff > std::numbers::pi) {
    throw Error(ErrorCode::invalid_option,
                "Expected a cutoff of at most pi radians a pixel but received " + std::to_string(cutoff));
  }
  return normalized(size, [&](double x, double y) {
    const double r = std::sqrt(x * x + y * y);
    if (r == 0) return cutoff * cutoff / (4 * std::numbers::pi);
    return cutoff * bessel_j1(cutoff * r) / (2 * std::numbers::pi * r);
  });
}

BlurKernel pad_kernel(const BlurKernel& kernel, std::int64_t size) {
  if (size <= kernel.size) return kernel;
  require_kernel_size(size);
  BlurKernel padded{size, std::vector<double>(static_cast<std::size_t>(size * size))};
  const std::int64_t margin = (size - kernel.size) / 2;
  for (std::int64_t y = 0; y < kernel.size; ++y) {
    const auto row = kernel.weights.begin() + y * kernel.size;
    std::copy(row, row + kernel.size, padded.weights.begin() + (y + margin) * size + margin);
  }
  return padded;
}

BlurKernel impulse_kernel(std::int64_t size) { return pad_kernel(BlurKernel{}, size); }

}  // namespace diffbir
