#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/image.h"

namespace diffbir {

/// One channel in levels 0..255, float64, row-major: what metrics are computed on.
struct Plane {
  Plane(std::int64_t rows, std::int64_t columns)
      : height(rows), width(columns), values(static_cast<std::size_t>(rows * columns)) {}
  const double* row(std::int64_t y) const { return values.data() + y * width; }
  double* row(std::int64_t y) { return values.data() + y * width; }

  std::int64_t height;
  std::int64_t width;
  std::vector<double> values;
};

/// Channel 0, 1 or 2.
Plane channel_of(const Image& image, std::size_t channel);

/// BT.601 luma as MATLAB's rgb2ycbcr has it, which papers on restoration measure on: 16 (black) to 235 (white), not
/// rounded.
Plane luma_of(const Image& image);

/// A Gaussian of deviation `sigma` in a window of 2 * radius + 1, weights of sum 1.
std::vector<double> gaussian_window(std::int64_t radius, double sigma);

/// The plane filtered with the window along both axes, where it lies inside: 2 * radius smaller on each side.
/// The plane must be larger than that.
Plane filter_inside(const Plane& plane, const std::vector<double>& window);

}  // namespace diffbir
