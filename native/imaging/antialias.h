#pragma once

#include <cstdint>

#include "core/host_device.h"

/// The windows and weights that Pillow and torch's antialiased resize have in common, one output at a time.
namespace diffbir {

/// Which sources an output of a resampled axis is made of.
struct TapWindow {
  std::int64_t first;
  std::int64_t count;
};

/// Cubic convolution (Keys 1981) with a = -1/2, zero outside (-2, 2).
struct CubicFilter {
  static constexpr double support = 2;
  DIFFBIR_HOST_DEVICE double operator()(double t) const {
    constexpr double a = -0.5;
    t = t < 0 ? -t : t;
    if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
    return 0;
  }
};

/// The mean of what an output covers.
struct BoxFilter {
  static constexpr double support = 0.5;
  DIFFBIR_HOST_DEVICE double operator()(double t) const { return t > -0.5 && t <= 0.5 ? 1.0 : 0.0; }
};

/// One axis of `in` pixels that becomes one of `out`: the filter is widened by the scale when it shrinks.
struct AntialiasedAxis {
  std::int64_t in;
  std::int64_t out;
  double scale;
  double filter_scale;
  double support;

  AntialiasedAxis(std::int64_t inputs, std::int64_t outputs, double filter_support)
      : in(inputs),
        out(outputs),
        scale(static_cast<double>(inputs) / static_cast<double>(outputs)),
        filter_scale(scale > 1.0 ? scale : 1.0),
        support(filter_support * filter_scale) {}

  /// No output has more sources.
  std::int64_t most_taps() const {
    const auto widest = static_cast<std::int64_t>(2.0 * support) + 2;
    return widest < in ? widest : in;
  }
};

/// The window of one output. Its weights, of sum 1 before they are converted, go to `weights`.
template <typename Weight, typename Filter, typename Convert>
DIFFBIR_HOST_DEVICE inline TapWindow antialiased_window(const AntialiasedAxis& axis, std::int64_t output, Filter filter,
                                                        Convert convert, Weight* weights) {
  const double center = (static_cast<double>(output) + 0.5) * axis.scale;
  const auto begin = static_cast<std::int64_t>(center - axis.support + 0.5);
  const auto end = static_cast<std::int64_t>(center + axis.support + 0.5);
  const std::int64_t first = begin > 0 ? begin : 0;
  const std::int64_t last = end < axis.in ? end : axis.in;
  const auto weight = [&](std::int64_t source) {
    return filter((static_cast<double>(source) - center + 0.5) / axis.filter_scale);
  };
  double sum = 0;
  for (std::int64_t j = first; j < last; ++j) sum += weight(j);
  for (std::int64_t j = first; j < last; ++j) weights[j - first] = convert(weight(j) / sum);
  return {first, last - first};
}

}  // namespace diffbir
