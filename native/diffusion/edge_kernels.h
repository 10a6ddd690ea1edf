#pragma once

#include <cmath>
#include <cstdint>

#include "core/host_device.h"

/// What edge_weight.h is made of, for each_value() and for_each_index() of core/each.h. C++17: nvcc reads it, too.
namespace diffbir {

/// The grey level in 0..1 of a colour in -1..1.
struct Grey {
  DIFFBIR_HOST_DEVICE float operator()(float red, float green, float blue) const {
    return 0.2989F * level(red) + 0.5870F * level(green) + 0.1140F * level(blue);
  }
  DIFFBIR_HOST_DEVICE static float level(float value) { return (value + 1.0F) / 2.0F; }
};

struct GreyPlane {
  const float* values;
  std::int64_t height, width;

  /// The value at a place, of the nearest one inside beyond the borders.
  DIFFBIR_HOST_DEVICE float at(std::int64_t y, std::int64_t x) const {
    return values[inside(y, height) * width + inside(x, width)];
  }
  DIFFBIR_HOST_DEVICE static std::int64_t inside(std::int64_t position, std::int64_t size) {
    return position < 0 ? 0 : (position < size ? position : size - 1);
  }

  DIFFBIR_HOST_DEVICE float sobel_magnitude(std::int64_t y, std::int64_t x) const {
    const float gx = column(y, x - 1) - column(y, x + 1);
    const float gy = row(y - 1, x) - row(y + 1, x);
    return std::sqrt(gx * gx + gy * gy);
  }
  DIFFBIR_HOST_DEVICE float column(std::int64_t y, std::int64_t x) const {
    return at(y - 1, x) + 2.0F * at(y, x) + at(y + 1, x);
  }
  DIFFBIR_HOST_DEVICE float row(std::int64_t y, std::int64_t x) const {
    return at(y, x - 1) + 2.0F * at(y, x) + at(y, x + 1);
  }
};

/// The weight of each block of 2x2 pixels, in all four; an index for each block of all planes [B,1,height,width].
struct EdgeBlocks {
  const float* grey;
  float* weight;
  std::int64_t height, width;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t columns = width / 2;
    const std::int64_t blocks = height / 2 * columns;
    const std::int64_t start = i / blocks * height * width;
    const std::int64_t y = i % blocks / columns * 2;
    const std::int64_t x = i % columns * 2;
    const GreyPlane plane{grey + start, height, width};
    const float block = plane.sobel_magnitude(y, x) + plane.sobel_magnitude(y, x + 1) +
                        plane.sobel_magnitude(y + 1, x) + plane.sobel_magnitude(y + 1, x + 1);
    const float value = 1.0F - std::tanh(block);
    float* const first = weight + start + y * width + x;
    first[0] = first[1] = first[width] = first[width + 1] = value;
  }
};

/// The mean of each `cell` x `cell` pixels; an index for each cell of all planes, whose rows have `columns` cells.
struct CellMeans {
  const float* pixels;
  float* means;
  std::int64_t cell, columns;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t width = columns * cell;
    const float* const first = pixels + i / columns * cell * width + i % columns * cell;
    const auto area = static_cast<float>(cell * cell);
    float mean = 0;
    for (std::int64_t y = 0; y < cell; ++y) {
      for (std::int64_t x = 0; x < cell; ++x) mean += first[y * width + x] / area;
    }
    means[i] = mean;
  }
};

}  // namespace diffbir
