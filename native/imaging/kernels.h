#pragma once

#include <cstdint>

#include "core/host_device.h"

/// The arithmetic of imaging/, one element at a time.
namespace diffbir {

/// Cubic convolution (Keys 1981) with a = -1/2, zero outside (-2, 2).
DIFFBIR_HOST_DEVICE inline double cubic(double t) {
  constexpr double a = -0.5;
  t = t < 0 ? -t : t;
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}

/// One resampled value: the weighted sum of `count` sources that lie `step` apart.
template <typename Value, typename Weight>
DIFFBIR_HOST_DEVICE inline Weight weighted_sum(const Value* source, std::int64_t step, const Weight* weights,
                                               std::int64_t count, Weight start) {
  Weight sum = start;
  for (std::int64_t k = 0; k < count; ++k) sum += weights[k] * static_cast<Weight>(source[k * step]);
  return sum;
}

/// The 3x3 binomial filter [1 2 1] x [1 2 1] / 16 at one pixel, its columns at left, middle and right.
DIFFBIR_HOST_DEVICE inline float binomial_3x3(const float* above, const float* row, const float* below,
                                              std::int64_t left, std::int64_t middle, std::int64_t right) {
  const float corners = above[left] + above[right] + below[left] + below[right];
  const float edges = above[middle] + below[middle] + row[left] + row[right];
  return 0.0625F * corners + 0.125F * edges + 0.25F * row[middle];
}

/// [0,1] to 0..255 as the reference does: clamped and cut off, not rounded. NaN gives 0.
DIFFBIR_HOST_DEVICE inline std::uint8_t truncate_to_uint8(float value) {
  const float level = value * 255.0F;
  return static_cast<std::uint8_t>(level > 0.0F ? (level < 255.0F ? level : 255.0F) : 0.0F);
}

/// [0,1] to the nearest of 0..255; half a level more on average than the reference's.
DIFFBIR_HOST_DEVICE inline std::uint8_t round_to_uint8(float value) {
  const float level = value * 255.0F + 0.5F;
  return static_cast<std::uint8_t>(level > 0.0F ? (level < 255.0F ? level : 255.0F) : 0.0F);
}

}  // namespace diffbir
