#include "imaging/metrics/plane.h"

#include <cmath>

namespace diffbir {

Plane channel_of(const Image& image, std::size_t channel) {
  Plane plane(image.height, image.width);
  for (std::size_t i = 0; i < plane.values.size(); ++i) plane.values[i] = image.rgb[3 * i + channel];
  return plane;
}

Plane luma_of(const Image& image) {
  Plane plane(image.height, image.width);
  for (std::size_t i = 0; i < plane.values.size(); ++i) {
    const std::uint8_t* rgb = image.rgb.data() + 3 * i;
    plane.values[i] = 16 + (65.481 * rgb[0] + 128.553 * rgb[1] + 24.966 * rgb[2]) / 255;
  }
  return plane;
}

std::vector<double> gaussian_window(std::int64_t radius, double sigma) {
  std::vector<double> window;
  double sum = 0;
  for (std::int64_t i = -radius; i <= radius; ++i) {
    const double t = static_cast<double>(i) / sigma;
    window.push_back(std::exp(-0.5 * t * t));
    sum += window.back();
  }
  for (double& weight : window) weight /= sum;
  return window;
}

Plane filter_inside(const Plane& plane, const std::vector<double>& window) {
  const auto taps = static_cast<std::int64_t>(window.size());
  Plane rows(plane.height, plane.width - taps + 1);
  for (std::int64_t y = 0; y < rows.height; ++y) {
    for (std::int64_t k = 0; k < taps; ++k) {
      const double* source = plane.row(y) + k;
      for (std::int64_t x = 0; x < rows.width; ++x) rows.row(y)[x] += window[static_cast<std::size_t>(k)] * source[x];
    }
  }
  Plane result(plane.height - taps + 1, rows.width);
  for (std::int64_t y = 0; y < result.height; ++y) {
    for (std::int64_t k = 0; k < taps; ++k) {
      const double* source = rows.row(y + k);
      for (std::int64_t x = 0; x < result.width; ++x) {
        result.row(y)[x] += window[static_cast<std::size_t>(k)] * source[x];
      }
    }
  }
  return result;
}

}  // namespace diffbir
