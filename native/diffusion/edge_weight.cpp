#include "diffusion/edge_weight.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/error.h"

namespace diffbir {

namespace {

struct Plane {
  std::int64_t height;
  std::int64_t width;
  std::span<const float> values;
  /// The value at a place, of the nearest one inside beyond the borders.
  float at(std::int64_t y, std::int64_t x) const {
    y = std::clamp<std::int64_t>(y, 0, height - 1);
    x = std::clamp<std::int64_t>(x, 0, width - 1);
    return values[static_cast<std::size_t>(y * width + x)];
  }
};

std::vector<float> grey(const Tensor& image, std::int64_t batch) {
  const auto unsigned_level = [](float value) { return (value + 1.0F) / 2.0F; };
  const auto red = image.plane(batch, 0);
  const auto green = image.plane(batch, 1);
  const auto blue = image.plane(batch, 2);
  std::vector<float> levels(red.size());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    levels[i] =
        0.2989F * unsigned_level(red[i]) + 0.5870F * unsigned_level(green[i]) + 0.1140F * unsigned_level(blue[i]);
  }
  return levels;
}

float sobel_magnitude(const Plane& plane, std::int64_t y, std::int64_t x) {
  const auto side = [&](std::int64_t dx) {
    return plane.at(y - 1, x + dx) + 2.0F * plane.at(y, x + dx) + plane.at(y + 1, x + dx);
  };
  const auto row = [&](std::int64_t dy) {
    return plane.at(y + dy, x - 1) + 2.0F * plane.at(y + dy, x) + plane.at(y + dy, x + 1);
  };
  const float gx = side(-1) - side(1);
  const float gy = row(-1) - row(1);
  return std::sqrt(gx * gx + gy * gy);
}

}  // namespace

Tensor edge_weight(const Tensor& image) {
  require_nchw(image, "edge_weight");
  const std::int64_t height = image.dim(2);
  const std::int64_t width = image.dim(3);
  if (image.dim(1) != 3 || height % 2 != 0 || width % 2 != 0) {
    throw Error(ErrorCode::internal,
                "Expected three channels and even sides for edge_weight but received " + to_string(image.shape()));
  }
  Tensor weight({image.dim(0), 1, height, width});
  for (std::int64_t batch = 0; batch < image.dim(0); ++batch) {
    const std::vector<float> levels = grey(image, batch);
    const Plane plane{height, width, levels};
    const auto result = weight.plane(batch, 0);
    for (std::int64_t y = 0; y < height; y += 2) {
      for (std::int64_t x = 0; x < width; x += 2) {
        const float block = sobel_magnitude(plane, y, x) + sobel_magnitude(plane, y, x + 1) +
                            sobel_magnitude(plane, y + 1, x) + sobel_magnitude(plane, y + 1, x + 1);
        const auto first = static_cast<std::size_t>(y * width + x);
        const auto below = first + static_cast<std::size_t>(width);
        for (const std::size_t i : std::array{first, first + 1, below, below + 1}) result[i] = 1.0F - std::tanh(block);
      }
    }
  }
  return weight;
}

Tensor latent_edge_weight(const Tensor& image, std::int64_t cell) {
  const Tensor pixels = edge_weight(image);
  if (cell < 1 || pixels.dim(2) % cell != 0 || pixels.dim(3) % cell != 0) {
    throw Error(ErrorCode::internal,
                "Expected sides divisible by the cell for latent_edge_weight but received " + to_string(image.shape()));
  }
  Tensor weight({pixels.dim(0), 1, pixels.dim(2) / cell, pixels.dim(3) / cell});
  const auto area = static_cast<float>(cell * cell);
  for (std::int64_t batch = 0; batch < weight.dim(0); ++batch) {
    const auto from = pixels.plane(batch, 0);
    const auto to = weight.plane(batch, 0);
    for (std::size_t i = 0; i < from.size(); ++i) {
      const auto y = static_cast<std::int64_t>(i) / pixels.dim(3) / cell;
      const auto x = static_cast<std::int64_t>(i) % pixels.dim(3) / cell;
      to[static_cast<std::size_t>(y * weight.dim(3) + x)] += from[i] / area;
    }
  }
  return weight;
}

}  // namespace diffbir
