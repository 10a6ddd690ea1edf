#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/tensor.h"
#include "imaging/antialias.h"
#include "imaging/kernels.h"

/// Separable resampling along one axis: what every resize of imaging/ is made of.
namespace diffbir {

/// Which sources each output of one axis is made of, and with what weights.
template <typename Weight>
struct Taps {
  std::vector<TapWindow> windows;  // per output
  std::int64_t stride = 0;         // weights reserved per output
  std::vector<Weight> weights;

  std::int64_t outputs() const { return static_cast<std::int64_t>(windows.size()); }
  const Weight* weights_of(std::int64_t output) const { return weights.data() + output * stride; }
};

/// Throws Error(internal) unless a side has at least one pixel.
inline void require_size(std::int64_t size) {
  if (size < 1) throw Error(ErrorCode::internal, "Expected a size of at least 1 but received " + std::to_string(size));
}

/// The taps of an axis that is resized as Pillow and torch's antialiased resize do it (antialias.h). Weights are
/// computed in double, then converted.
template <typename Weight, typename Filter, typename Convert>
Taps<Weight> antialiased_taps(std::int64_t in, std::int64_t out, Filter filter, Convert convert) {
  require_size(out);
  const AntialiasedAxis axis(in, out, Filter::support);
  Taps<Weight> taps;
  taps.stride = axis.most_taps();
  taps.windows.reserve(static_cast<std::size_t>(out));
  taps.weights.resize(element_count({out, taps.stride}));
  for (std::int64_t x = 0; x < out; ++x) {
    taps.windows.push_back(antialiased_window(axis, x, filter, convert, taps.weights.data() + x * taps.stride));
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

/// Resamples columns, then rows, of x [B,C,H,W] in float32. A strip of output rows at a time, from the input rows that
/// they are made of, so that nothing of the picture's size is needed but the result.
inline Tensor resample_planes(const Tensor& x, const Taps<float>& columns, const Taps<float>& rows) {
  constexpr std::int64_t strip = 256;
  const std::int64_t width = columns.outputs();
  Tensor result({x.dim(0), x.dim(1), rows.outputs(), width});
  for (std::int64_t begin = 0; begin < rows.outputs(); begin += strip) {
    const std::int64_t end = std::min(rows.outputs(), begin + strip);
    std::int64_t first = x.dim(2);
    std::int64_t last = 0;
    Taps<float> taps;
    taps.stride = rows.stride;
    taps.weights.assign(rows.weights_of(begin), rows.weights_of(begin) + (end - begin) * rows.stride);
    taps.windows.assign(rows.windows.begin() + begin, rows.windows.begin() + end);
    for (const auto& window : taps.windows) {
      first = std::min(first, window.first);
      last = std::max(last, window.first + window.count);
    }
    for (auto& window : taps.windows) window.first -= first;
    for (std::int64_t batch = 0; batch < x.dim(0); ++batch) {
      for (std::int64_t channel = 0; channel < x.dim(1); ++channel) {
        const auto source = x.plane(batch, channel).subspan(first * x.dim(3), (last - first) * x.dim(3));
        std::vector<float> values(source.begin(), source.end());
        values = resample_axis(values, last - first, x.dim(3), 1, columns, 0.0F, KeepFloat());
        values = resample_axis(values, 1, last - first, width, taps, 0.0F, KeepFloat());
        std::copy(values.begin(), values.end(), result.plane(batch, channel).begin() + begin * width);
      }
    }
  }
  return result;
}

}  // namespace diffbir
