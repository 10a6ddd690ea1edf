#pragma once

#include <cstddef>

#include "core/moments.h"

namespace diffbir::runtime {

/// y = x * factor + offset over `area` values, then y * sigmoid(y) if `with_silu`. x and y may be the same memory.
void normalize_plane(const float* x, float* y, std::size_t area, float factor, float offset, bool with_silu);

/// Moments of `count` values: short float32 sums, carried on in double.
Moments moments_of(const float* x, std::size_t count);

/// One channel of a group normalisation: n = (x - mean) inverse_deviation scale + bias, then n sigmoid(n) if `silu`.
struct ChannelNorm {
  float mean;
  float inverse_deviation;
  float scale;
  float bias;
  bool silu;
};

/// Sums over values x^ = (x - mean) inverse_deviation of the gradients there, and of their products with x^.
struct GradientSums {
  double gradient = 0;
  double product = 0;
};

/// From the gradient at a plane's output to that at its x^, the statistics taken as constants. `to` may be `from`.
GradientSums gradient_at_normalized(const float* x, const float* from, float* to, std::size_t area,
                                    const ChannelNorm& norm);

/// From there to the gradient at x, in place. The means are those of GradientSums over the whole group: what mean and
/// variance, which depend on x too, take away.
void gradient_at_input(const float* x, float* gradient, std::size_t area, const ChannelNorm& norm, float mean_gradient,
                       float mean_product);

}  // namespace diffbir::runtime
