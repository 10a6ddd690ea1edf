#pragma once

#include <cmath>
#include <cstdint>

#include "core/host_device.h"

/// The arithmetic of imaging/, one element at a time.
namespace diffbir {

/// [0,1] from 0..255. A division, since the reference divides: times 1/255 differs in the last bit.
DIFFBIR_HOST_DEVICE inline float from_uint8(std::uint8_t level) { return static_cast<float>(level) / 255.0F; }

/// 0..1 to -1..1, as the autoencoder takes pictures.
DIFFBIR_HOST_DEVICE inline float to_signed(float value) { return value * 2.0F - 1.0F; }

/// -1..1 to 0..1.
DIFFBIR_HOST_DEVICE inline float to_unsigned(float value) { return (value + 1.0F) / 2.0F; }

/// Where the mirrored picture of `size` pixels has its position-th pixel: 0 1 2 3 2 1 0 1 ...
DIFFBIR_HOST_DEVICE inline std::int64_t reflected(std::int64_t position, std::int64_t size) {
  if (size == 1) return 0;
  const std::int64_t period = 2 * (size - 1);
  const std::int64_t phase = position % period;
  return phase < size ? phase : period - phase;
}

/// One resampled value: the weighted sum of `count` sources that lie `step` apart.
template <typename Value, typename Weight>
DIFFBIR_HOST_DEVICE inline Weight weighted_sum(const Value* source, std::int64_t step, const Weight* weights,
                                               std::int64_t count, Weight start) {
  Weight sum = start;
  for (std::int64_t k = 0; k < count; ++k) sum += weights[k] * static_cast<Weight>(source[k * step]);
  return sum;
}

/// Pillow's resize of 8-bit pictures: weights have 22 bits behind the point, and sums begin with a half.
constexpr int pil_fraction_bits = 22;
constexpr std::int32_t pil_half = 1 << (pil_fraction_bits - 1);

struct ToFixedPoint {
  DIFFBIR_HOST_DEVICE std::int32_t operator()(double weight) const {
    constexpr double one = 1 << pil_fraction_bits;
    return static_cast<std::int32_t>(weight * one + (weight < 0 ? -0.5 : 0.5));
  }
};

struct FromFixedPoint {
  DIFFBIR_HOST_DEVICE std::uint8_t operator()(std::int32_t sum) const {
    const std::int32_t level = sum >> pil_fraction_bits;
    return static_cast<std::uint8_t>(level < 0 ? 0 : (level > 255 ? 255 : level));
  }
};

/// The same of pictures in float32.
struct ToFloat {
  DIFFBIR_HOST_DEVICE float operator()(double weight) const { return static_cast<float>(weight); }
};

struct KeepFloat {
  DIFFBIR_HOST_DEVICE float operator()(float sum) const { return sum; }
};

/// The 3x3 binomial filter [1 2 1] x [1 2 1] / 16 at one pixel, its columns at left, middle and right.
DIFFBIR_HOST_DEVICE inline float binomial_3x3(const float* above, const float* row, const float* below,
                                              std::int64_t left, std::int64_t middle, std::int64_t right) {
  const float corners = above[left] + above[right] + below[left] + below[right];
  const float edges = above[middle] + below[middle] + row[left] + row[right];
  return 0.0625F * corners + 0.125F * edges + 0.25F * row[middle];
}

/// The deviation of `count` values whose squared distances from their mean add up to `squares`. One value has none.
DIFFBIR_HOST_DEVICE inline double deviation_of(double squares, std::int64_t count) {
  const double variance = count > 1 ? squares / static_cast<double>(count - 1) : 0.0;
  return std::sqrt(variance + 1e-5);
}

/// A value about the mean `from`, stretched by `gain` about the mean `to` and clamped to [0,1].
DIFFBIR_HOST_DEVICE inline float restyled(float value, double from, double gain, double to) {
  const auto moved = static_cast<float>((value - from) * gain + to);
  return moved < 0.0F ? 0.0F : (1.0F < moved ? 1.0F : moved);
}

/// A sum of blended tiles with one more.
DIFFBIR_HOST_DEVICE inline float blended(float sum, float value, float weight) { return sum + value * weight; }

/// A band of detail with one more level, what a blur took away.
DIFFBIR_HOST_DEVICE inline float with_detail(float high, float before, float blurred) {
  return high + (before - blurred);
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
