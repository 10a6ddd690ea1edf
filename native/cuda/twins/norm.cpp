// The kernels of cuda/norm against the host's group normalisation (runtime/group_norm_math.h), and what pools tiles.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/half.h"
#include "core/rng.h"
#include "cuda/each.h"
#include "cuda/norm/group_norm.h"
#include "cuda/twins/on_card.h"
#include "cuda/twins/twin.h"
#include "runtime/group_norm_math.h"

namespace diffbir::cuda {

namespace {

using bodies::FeatureMap;
using bodies::Half;

constexpr float kEpsilon = 1e-6F;

/// Values about 3, NCHW, as a float16 has them.
std::vector<float> values_of(const FeatureMap& map) {
  auto values = TorchGenerator(1).randn(static_cast<std::size_t>(map.batch * map.channels * map.area()));
  for (float& value : values) value = half_to_float(float_to_half(value + 3));
  return values;
}

std::size_t place(const FeatureMap& map, bool channels_last, std::int64_t plane, std::int64_t pixel) {
  return static_cast<std::size_t>(channels_last ? bodies::Nhwc::place(map, plane, pixel)
                                                : bodies::Nchw::place(map, plane, pixel));
}

/// Of the layout of T, which may be float or Half.
template <typename T>
std::vector<T> laid_out(const std::vector<float>& nchw, const FeatureMap& map) {
  std::vector<T> out(nchw.size());
  for (std::int64_t plane = 0; plane < map.batch * map.channels; ++plane) {
    for (std::int64_t pixel = 0; pixel < map.area(); ++pixel) {
      const float value = nchw[place(map, false, plane, pixel)];
      out[place(map, bodies::LayoutOf<T>::Type::channels_last, plane, pixel)] = bodies::from_float<T>(value);
    }
  }
  return out;
}

template <typename T>
std::vector<float> floats(const std::vector<T>& values) {
  std::vector<float> out;
  for (const T value : values) out.push_back(bodies::to_float(value));
  return out;
}

struct Expected {
  std::vector<Moments> moments;
  std::vector<float> y;  // NCHW
};

Expected on_host(const std::vector<float>& x, const FeatureMap& map, const Region& region,
                 const std::vector<float>& scale, const std::vector<float>& bias, bool silu) {
  Expected expected{std::vector<Moments>(static_cast<std::size_t>(map.batch * map.groups)),
                    std::vector<float>(x.size())};
  const auto group_of = [&](std::int64_t plane) -> Moments& {
    return expected.moments[static_cast<std::size_t>(plane / map.channels_per_group())];
  };
  for (std::int64_t plane = 0; plane < map.batch * map.channels; ++plane) {
    for (std::int64_t row = region.top; row < region.bottom; ++row) {
      const float* values = x.data() + place(map, false, plane, row * map.width + region.left);
      group_of(plane) = merge(group_of(plane), runtime::moments_of(values, static_cast<std::size_t>(region.width())));
    }
  }
  for (std::int64_t plane = 0; plane < map.batch * map.channels; ++plane) {
    const auto channel = static_cast<std::size_t>(plane % map.channels);
    const Moments& all = group_of(plane);
    const double factor = scale[channel] / std::sqrt(all.variance() + static_cast<double>(kEpsilon));
    const std::size_t begin = place(map, false, plane, 0);
    runtime::normalize_plane(x.data() + begin, expected.y.data() + begin, static_cast<std::size_t>(map.area()),
                             static_cast<float>(factor), static_cast<float>(bias[channel] - all.mean * factor), silu);
  }
  return expected;
}

std::vector<Moments> to_host(const Moments* on_card, std::size_t count) {
  std::vector<Moments> moments(count);
  DIFFBIR_CUDA_CHECK(cudaMemcpy(moments.data(), on_card, count * sizeof(Moments), cudaMemcpyDeviceToHost));
  return moments;
}

/// Of means and sums of squares, these in parts of 1; infinite where counts differ.
double moments_difference(const std::vector<Moments>& got, const std::vector<Moments>& want) {
  double largest = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (got[i].count != want[i].count) return std::numeric_limits<double>::infinity();
    largest = std::max(
        {largest, std::abs(got[i].mean - want[i].mean), std::abs(got[i].m2 - want[i].m2) / std::max(1.0, want[i].m2)});
  }
  return largest;
}

/// Of moments and values; infinite where a second run gives other moments.
template <typename T>
double norm_difference(const FeatureMap& map, const Region& region, bool silu) {
  const std::vector<float> x = values_of(map);
  const auto channels = static_cast<std::size_t>(map.channels);
  const std::vector<float> scale = TorchGenerator(2).uniform(0.5F, 1.5F, channels);
  const std::vector<float> bias = TorchGenerator(3).uniform(-0.5F, 0.5F, channels);
  const Expected expected = on_host(x, map, region, scale, bias, silu);

  OnCard<T> in(laid_out<T>(x, map));
  OnCard<float> scales(scale);
  OnCard<float> biases(bias);
  const GroupNormMemory scratch(map, nullptr);
  const Moments* on_card = nullptr;
  std::vector<Moments> moments[2];
  for (auto& run : moments) {
    on_card = measure_groups(in.data(), map, region, scratch.get(), nullptr);
    run = to_host(on_card, expected.moments.size());
  }
  if (moments_difference(moments[1], moments[0]) != 0) return std::numeric_limits<double>::infinity();
  const double largest = moments_difference(moments[0], expected.moments);
  // In place.
  normalize_groups(in.data(), map, on_card, {scales.data(), biases.data(), kEpsilon, silu}, in.data(), scratch.get(),
                   nullptr);
  const std::vector<float> y = floats(laid_out<T>(expected.y, map));
  return std::max(largest, largest_difference(floats(in.to_host()), y));
}

double pooled_difference(bool with_spread) {
  constexpr std::int64_t tiles = 5;
  constexpr std::int64_t count = 300;  // more than one block
  std::vector<Moments> own;
  for (const float value : TorchGenerator(4).randn(tiles * count)) {
    own.push_back({64.0 + static_cast<double>(own.size() % 7), value, 10.0 * value * value});
  }
  const auto pooled = [&](const Moments* of_tiles, Moments* out) {
    return PoolMoments{.of_tiles = of_tiles, .tiles = tiles, .count = count, .with_spread = with_spread, .out = out};
  };
  std::vector<Moments> expected(count);
  const PoolMoments on_host = pooled(own.data(), expected.data());
  for (std::int64_t i = 0; i < count; ++i) on_host(i);

  OnCard<Moments> in(own);
  OnCard<Moments> kept(own.size());
  OnCard<Moments> out(expected.size());
  for_each_index(CopyMoments{in.data(), kept.data()}, nullptr, tiles * count);
  for_each_index(pooled(kept.data(), out.data()), nullptr, count);
  return moments_difference(out.to_host(), expected);
}

}  // namespace

std::vector<Twin> norm_twins() {
  // 4 channels a group as in the widest maps of v2.1; 3, which no 16 bytes divide; a map of one pixel.
  const FeatureMap wide{2, 128, 61, 45, 32};
  const FeatureMap odd{1, 9, 31, 17, 3};
  const FeatureMap pixel{1, 64, 1, 1, 32};
  const FeatureMap large{1, 32, 400, 500, 8};  // whose channels have as many parts as they may
  const auto whole = [](const FeatureMap& map) { return Region{0, 0, map.height, map.width}; };
  constexpr double in_float = 1e-5;  // sums in another order, another exponential function
  constexpr double in_half = 4e-3;   // between 4 and 8 that is a rounding
  std::vector<Twin> twins;
  const auto add = [&](const std::string& name, const FeatureMap& map, const Region& region, bool silu) {
    twins.push_back({"group norm " + name, in_float, [=] { return norm_difference<float>(map, region, silu); }});
    twins.push_back(
        {"group norm, float16, " + name, in_half, [=] { return norm_difference<Half>(map, region, silu); }});
  };
  add("whole", wide, whole(wide), false);
  add("whole with SiLU", wide, whole(wide), true);
  add("of a part", wide, {7, 11, 50, 34}, true);
  add("of 3 channels", odd, whole(odd), true);
  add("of a row", odd, {30, 3, 31, 17}, false);
  add("of a pixel", pixel, whole(pixel), true);
  add("of many parts", large, whole(large), true);
  twins.push_back({"moments of tiles, pooled", 1e-12, [] { return pooled_difference(true); }});
  twins.push_back({"moments of tiles, as the reference pools them", 1e-12, [] { return pooled_difference(false); }});
  return twins;
}

}  // namespace diffbir::cuda
