#include "imaging/resize.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "imaging/kernels.h"

namespace diffbir {

namespace {

/// Which sources each output of one axis is made of, and with what weights (they sum to 1).
template <typename Weight>
struct Taps {
  struct Window {
    std::int64_t first;
    std::int64_t count;
  };
  std::vector<Window> windows;  // per output
  std::int64_t stride = 0;      // weights reserved per output
  std::vector<Weight> weights;

  std::int64_t outputs() const { return static_cast<std::int64_t>(windows.size()); }
  const Weight* weights_of(std::int64_t output) const { return weights.data() + output * stride; }
};

void require_size(std::int64_t size) {
  if (size < 1) throw Error(ErrorCode::internal, "Expected a size of at least 1 but received " + std::to_string(size));
}

/// Windows and weights that Pillow and torch have in common: the cubic is widened by the scale when shrinking.
template <typename Weight, typename Convert>
Taps<Weight> bicubic_taps(std::int64_t in, std::int64_t out, Convert convert) {
  require_size(out);
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double filter_scale = std::max(scale, 1.0);
  const double support = 2.0 * filter_scale;

  Taps<Weight> taps;
  taps.stride = std::min(in, static_cast<std::int64_t>(2.0 * support) + 2);
  taps.windows.reserve(static_cast<std::size_t>(out));
  taps.weights.resize(element_count({out, taps.stride}));
  std::vector<double> window;
  for (std::int64_t x = 0; x < out; ++x) {
    const double center = (static_cast<double>(x) + 0.5) * scale;
    const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(center - support + 0.5), 0);
    const auto last = std::min<std::int64_t>(static_cast<std::int64_t>(center + support + 0.5), in);
    window.clear();
    double sum = 0;
    for (std::int64_t j = first; j < last; ++j) {
      window.push_back(cubic((static_cast<double>(j) - center + 0.5) / filter_scale));
      sum += window.back();
    }
    taps.windows.push_back({first, last - first});
    std::transform(window.begin(), window.end(), taps.weights.begin() + x * taps.stride,
                   [&](double weight) { return convert(weight / sum); });
  }
  return taps;
}

/// Resamples the middle axis of [outer, in, inner]. `start` is what sums begin with, `finish` turns a sum into a value.
template <typename Value, typename Weight, typename Finish>
std::vector<Value> resample_axis(const std::vector<Value>& input, std::int64_t outer, std::int64_t in,
                                 std::int64_t inner, const Taps<Weight>& taps, Weight start, Finish finish) {
  const std::int64_t out = taps.outputs();
  std::vector<Value> output(element_count({outer, out, inner}));
  std::vector<Weight> sums(static_cast<std::size_t>(inner));
  Value* target = output.data();
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t x = 0; x < out; ++x, target += inner) {
      const auto [first, count] = taps.windows[static_cast<std::size_t>(x)];
      const Value* source = input.data() + (o * in + first) * inner;
      const Weight* weights = taps.weights_of(x);
      if (inner < 16) {
        for (std::int64_t i = 0; i < inner; ++i) {
          target[i] = finish(weighted_sum(source + i, inner, weights, count, start));
        }
        continue;
      }
      // The same sums in the same order, a row at a time so that the compiler can vectorise.
      std::fill(sums.begin(), sums.end(), start);
      for (std::int64_t k = 0; k < count; ++k) {
        for (std::int64_t i = 0; i < inner; ++i) {
          sums[static_cast<std::size_t>(i)] += weights[k] * static_cast<Weight>(source[k * inner + i]);
        }
      }
      std::transform(sums.begin(), sums.end(), target, finish);
    }
  }
  return output;
}

constexpr int kPilFractionBits = 22;

std::int32_t to_fixed_point(double weight) {
  constexpr double one = 1 << kPilFractionBits;
  return static_cast<std::int32_t>(weight * one + (weight < 0 ? -0.5 : 0.5));
}

std::uint8_t from_fixed_point(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kPilFractionBits, 0, 255));
}

}  // namespace

Image resize_bicubic_pil(const Image& image, std::int64_t width, std::int64_t height) {
  require_size(width);
  require_size(height);
  constexpr std::int32_t half = 1 << (kPilFractionBits - 1);
  Image result{width, height, image.rgb};
  if (width != image.width) {
    const auto taps = bicubic_taps<std::int32_t>(image.width, width, to_fixed_point);
    result.rgb = resample_axis(result.rgb, image.height, image.width, 3, taps, half, from_fixed_point);
  }
  if (height != image.height) {
    const auto taps = bicubic_taps<std::int32_t>(image.height, height, to_fixed_point);
    result.rgb = resample_axis(result.rgb, 1, image.height, 3 * width, taps, half, from_fixed_point);
  }
  return result;
}

Tensor resize_bicubic_antialias(const Tensor& x, std::int64_t height, std::int64_t width) {
  require_nchw(x, "resize_bicubic_antialias");
  require_size(width);
  require_size(height);
  const auto to_float = [](double weight) { return static_cast<float>(weight); };
  const auto keep = [](float sum) { return sum; };
  const std::int64_t planes = x.dim(0) * x.dim(1);
  std::vector<float> values(x.values().begin(), x.values().end());
  if (width != x.dim(3)) {
    const auto taps = bicubic_taps<float>(x.dim(3), width, to_float);
    values = resample_axis(values, planes * x.dim(2), x.dim(3), 1, taps, 0.0F, keep);
  }
  if (height != x.dim(2)) {
    const auto taps = bicubic_taps<float>(x.dim(2), height, to_float);
    values = resample_axis(values, planes, x.dim(2), width, taps, 0.0F, keep);
  }
  return Tensor({x.dim(0), x.dim(1), height, width}, std::move(values));
}

Size short_edge_size(Size size, std::int64_t short_edge) {
  // The reference truncates long * (short_edge / short), the quotient rounded to double first.
  const auto scaled = [&](std::int64_t long_side, std::int64_t short_side) {
    const double ratio = static_cast<double>(short_edge) / static_cast<double>(short_side);
    return static_cast<std::int64_t>(static_cast<double>(long_side) * ratio);
  };
  if (size.height == size.width) return {short_edge, short_edge};
  if (size.height < size.width) return {short_edge, scaled(size.width, size.height)};
  return {scaled(size.height, size.width), short_edge};
}

Tensor resize_short_edge_to(const Tensor& x, std::int64_t short_edge) {
  require_nchw(x, "resize_short_edge_to");
  const Size size = short_edge_size({x.dim(2), x.dim(3)}, short_edge);
  return resize_bicubic_antialias(x, size.height, size.width);
}

}  // namespace diffbir
