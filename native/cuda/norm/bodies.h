#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/moments.h"
#include "cuda/half.h"
#include "cuda/imaging/bodies/launch.h"

/// Group normalisation in steps that a launch runs (cuda/imaging/bodies/launch.h): moments of parts of each channel,
/// their merging in a tree that depends on sizes alone, a factor and an offset for each channel, and the values.
/// Float32 feature maps are NCHW, float16 ones NHWC.
namespace diffbir::bodies {

/// A feature map, and the groups of its channels.
struct FeatureMap {
  std::int64_t batch, channels, height, width;
  std::int64_t groups;  // divides channels

  DIFFBIR_HOST_DEVICE std::int64_t area() const { return height * width; }
  DIFFBIR_HOST_DEVICE std::int64_t channels_per_group() const { return channels / groups; }
};

struct Nchw {
  static constexpr bool channels_last = false;
  DIFFBIR_HOST_DEVICE static std::int64_t place(const FeatureMap& map, std::int64_t plane, std::int64_t pixel) {
    return plane * map.area() + pixel;
  }
  /// Batch item times channels plus channel of a value.
  DIFFBIR_HOST_DEVICE static std::int64_t plane(const FeatureMap& map, std::int64_t place) {
    return place / map.area();
  }
};

struct Nhwc {
  static constexpr bool channels_last = true;
  DIFFBIR_HOST_DEVICE static std::int64_t place(const FeatureMap& map, std::int64_t plane, std::int64_t pixel) {
    return (plane / map.channels * map.area() + pixel) * map.channels + plane % map.channels;
  }
  DIFFBIR_HOST_DEVICE static std::int64_t plane(const FeatureMap& map, std::int64_t place) {
    return place / (map.area() * map.channels) * map.channels + place % map.channels;
  }
};

template <typename T>
struct LayoutOf;
template <>
struct LayoutOf<float> {
  using Type = Nchw;
};
template <>
struct LayoutOf<Half> {
  using Type = Nhwc;
};

/// Pixels of a channel that one index measures, at least.
constexpr std::int64_t least_measured = 64;
/// Parts of a channel, at most.
constexpr std::int64_t most_parts = 512;
/// Moments that one index merges.
constexpr std::int64_t merge_fan_in = 32;

constexpr std::int64_t parts_of(std::int64_t values, std::int64_t each) { return (values + each - 1) / each; }

constexpr std::int64_t measured_parts(std::int64_t pixels) {
  const std::int64_t parts = parts_of(pixels, least_measured);
  return parts < 1 ? 1 : parts > most_parts ? most_parts : parts;
}

/// Every parts-th pixel of a channel inside the region: its differences from the first of them, so that nothing
/// cancels, in short sums of float32 that are carried on in double. Neighbouring indices read neighbouring values.
template <typename T>
struct MeasurePart {
  using Layout = typename LayoutOf<T>::Type;
  const T* x;
  FeatureMap map;
  Region region;
  std::int64_t parts;
  Moments* out;  // [batch, channels, parts]

  DIFFBIR_HOST_DEVICE float value(std::int64_t plane, std::int64_t pixel) const {
    const std::int64_t row = region.top + pixel / region.width();
    return to_float(x[Layout::place(map, plane, row * map.width + region.left + pixel % region.width())]);
  }

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    constexpr int short_sum = 64;
    const std::int64_t part = Layout::channels_last ? i / map.channels % parts : i % parts;
    const std::int64_t plane =
        Layout::channels_last ? i / (map.channels * parts) * map.channels + i % map.channels : i / parts;
    const std::int64_t pixels = region.height() * region.width();
    Moments& moments = out[plane * parts + part];
    moments = {};
    if (part >= pixels) return;
    const float pivot = value(plane, part);
    double sum = 0;
    double squares = 0;
    std::int64_t count = 0;
    for (std::int64_t pixel = part; pixel < pixels;) {
      float short_sums = 0;
      float short_squares = 0;
      for (int k = 0; k < short_sum && pixel < pixels; ++k, pixel += parts) {
        const float difference = value(plane, pixel) - pivot;
        short_sums += difference;
        short_squares += difference * difference;
        ++count;
      }
      sum += short_sums;
      squares += short_squares;
    }
    const double n = static_cast<double>(count);
    const double m2 = squares - sum * sum / n;
    moments = {n, pivot + sum / n, m2 > 0 ? m2 : 0};
  }
};

/// Every parts-th of `count` moments in a row.
struct MergeMoments {
  const Moments* in;
  Moments* out;
  std::int64_t count;
  std::int64_t parts;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    Moments all;
    for (std::int64_t k = i % parts; k < count; k += parts) all = merge(all, in[i / parts * count + k]);
    out[i] = all;
  }
};

/// What becomes of a value of a channel: value * factor + offset.
struct Affine {
  float factor, offset;
};

struct AffineOfChannel {
  const Moments* moments;  // [batch, groups]
  const float* scale;
  const float* bias;
  FeatureMap map;
  float epsilon;
  Affine* out;  // [batch, channels]

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t plane) const {
    const std::int64_t channel = plane % map.channels;
    const Moments& all = moments[plane / map.channels_per_group()];
    const double factor = scale[channel] / std::sqrt(all.variance() + static_cast<double>(epsilon));
    out[plane] = {static_cast<float>(factor), static_cast<float>(bias[channel] - all.mean * factor)};
  }
};

/// Values that are read and written at once: 16 bytes, or one.
template <typename T, int count>
struct alignas(count * sizeof(T)) Pack {
  T values[count];
};

/// `count` values that lie in one channel (NCHW), or in one pixel (NHWC).
template <typename T, int count>
struct Normalize {
  using Layout = typename LayoutOf<T>::Type;
  const Pack<T, count>* x;
  Pack<T, count>* y;
  const Affine* affines;
  FeatureMap map;
  bool silu;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    const Affine* const first = affines + Layout::plane(map, i * count);
    const Pack<T, count> in = x[i];
    Pack<T, count> out;
    for (int k = 0; k < count; ++k) {
      const Affine& affine = first[Layout::channels_last ? k : 0];
      const float value = to_float(in.values[k]) * affine.factor + affine.offset;
      out.values[k] = from_float<T>(silu ? value / (1.0F + std::exp(-value)) : value);
    }
    y[i] = out;
  }
};

struct GroupNormScratch {
  Moments* moments[2];
  Affine* affines;
  std::size_t bytes;

  GroupNormScratch(void* memory, const FeatureMap& map) {
    const std::int64_t parts = measured_parts(map.area());
    Scratch scratch(memory);
    moments[0] = scratch.take<Moments>(map.batch * map.channels * parts);
    moments[1] =
        scratch.take<Moments>(map.batch * map.groups * parts_of(map.channels_per_group() * parts, merge_fan_in));
    affines = scratch.take<Affine>(map.batch * map.channels);
    bytes = scratch.used();
  }
};

/// The moments [batch, groups] of a region, in the scratch memory.
template <typename T, typename Launch>
Moments* measure_groups(const Launch& launch, const T* x, const FeatureMap& map, const Region& region, void* memory) {
  const GroupNormScratch scratch(memory, map);
  const std::int64_t measured = measured_parts(region.height() * region.width());
  launch(map.batch * map.channels * measured, MeasurePart<T>{x, map, region, measured, scratch.moments[0]});
  int level = 0;
  for (std::int64_t count = map.channels_per_group() * measured; count > 1; ++level) {
    const std::int64_t parts = parts_of(count, merge_fan_in);
    launch(map.batch * map.groups * parts,
           MergeMoments{scratch.moments[level % 2], scratch.moments[(level + 1) % 2], count, parts});
    count = parts;
  }
  return scratch.moments[level % 2];
}

template <int count, typename T, typename Launch>
void normalize_packed(const Launch& launch, const T* x, const FeatureMap& map, const Affine* affines, bool silu, T* y) {
  launch(map.batch * map.channels * map.area() / count,
         Normalize<T, count>{reinterpret_cast<const Pack<T, count>*>(x), reinterpret_cast<Pack<T, count>*>(y), affines,
                             map, silu});
}

/// What a normalisation makes of values without mean and with a variance of 1.
struct Norm {
  const float* scale;  // of each channel, as bias
  const float* bias;
  float epsilon;
  bool silu;
};

/// y = silu?((x - mean) / sqrt(variance + epsilon) * scale + bias); `moments` may be those that measure_groups() left
/// in the same scratch memory, `y` may be x. Both lie at multiples of 16 bytes.
template <typename T, typename Launch>
void normalize_groups(const Launch& launch, const T* x, const FeatureMap& map, const Moments* moments, const Norm& norm,
                      T* y, void* memory) {
  const GroupNormScratch scratch(memory, map);
  launch(map.batch * map.channels, AffineOfChannel{moments, norm.scale, norm.bias, map, norm.epsilon, scratch.affines});
  constexpr int packed = 16 / sizeof(T);
  const std::int64_t row = LayoutOf<T>::Type::channels_last ? map.channels : map.area();
  if (row % packed == 0) {
    normalize_packed<packed>(launch, x, map, scratch.affines, norm.silu, y);
  } else {
    normalize_packed<1>(launch, x, map, scratch.affines, norm.silu, y);
  }
}

}  // namespace diffbir::bodies
