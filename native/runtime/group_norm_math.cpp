#include "runtime/group_norm_math.h"

#include <algorithm>

#include "runtime/vector_math.h"

namespace diffbir::runtime {
namespace {

inline float silu(float y) { return y * sigmoid(y); }

inline float silu_slope(float y) {
  const float s = sigmoid(y);
  return s * (1.0F + y * (1.0F - s));
}

/// What gradient_at_normalized does to one value.
inline float at_normalized(float normalized, float gradient, const ChannelNorm& norm) {
  const float slope = norm.silu ? silu_slope(normalized * norm.scale + norm.bias) : 1.0F;
  return gradient * slope * norm.scale;
}

}  // namespace

DIFFBIR_SIMD_CLONES
void normalize_plane(const float* x, float* y, std::size_t area, float factor, float offset, bool with_silu) {
  if (with_silu) {
    for (std::size_t i = 0; i < area; ++i) y[i] = silu(x[i] * factor + offset);
  } else {
    for (std::size_t i = 0; i < area; ++i) y[i] = x[i] * factor + offset;
  }
}

DIFFBIR_SIMD_CLONES
Moments moments_of(const float* x, std::size_t count) {
  constexpr std::size_t lanes = 32;
  constexpr std::size_t block = 64 * lanes;  // float32 sums stay short, doubles carry the rest
  // Moments about the first value: sums of squares of small differences, nothing to cancel.
  const float pivot = count > 0 ? x[0] : 0.0F;
  double total = 0;
  double total_squares = 0;
  std::size_t i = 0;
  while (i + lanes <= count) {
    float sum[lanes] = {};
    float squares[lanes] = {};
    const std::size_t end = std::min(count - (count - i) % lanes, i + block);
    for (; i < end; i += lanes) {
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const float d = x[i + lane] - pivot;
        sum[lane] += d;
        squares[lane] += d * d;
      }
    }
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      total += sum[lane];
      total_squares += squares[lane];
    }
  }
  for (; i < count; ++i) {
    const double d = static_cast<double>(x[i]) - pivot;
    total += d;
    total_squares += d * d;
  }
  const double n = static_cast<double>(count);
  if (count == 0) return {};
  return {n, pivot + total / n, std::max(0.0, total_squares - total * total / n)};
}

DIFFBIR_SIMD_CLONES
GradientSums gradient_at_normalized(const float* x, const float* from, float* to, std::size_t area,
                                    const ChannelNorm& norm) {
  constexpr std::size_t lanes = 32;
  constexpr std::size_t block = 64 * lanes;  // float32 sums stay short, doubles carry the rest
  GradientSums total;
  std::size_t i = 0;
  while (i + lanes <= area) {
    float sum[lanes] = {};
    float products[lanes] = {};
    const std::size_t end = std::min(area - (area - i) % lanes, i + block);
    for (; i < end; i += lanes) {
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const float normalized = (x[i + lane] - norm.mean) * norm.inverse_deviation;
        const float gradient = at_normalized(normalized, from[i + lane], norm);
        to[i + lane] = gradient;
        sum[lane] += gradient;
        products[lane] += gradient * normalized;
      }
    }
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      total.gradient += sum[lane];
      total.product += products[lane];
    }
  }
  for (; i < area; ++i) {
    const float normalized = (x[i] - norm.mean) * norm.inverse_deviation;
    to[i] = at_normalized(normalized, from[i], norm);
    total.gradient += to[i];
    total.product += static_cast<double>(to[i]) * normalized;
  }
  return total;
}

DIFFBIR_SIMD_CLONES
void gradient_at_input(const float* x, float* gradient, std::size_t area, const ChannelNorm& norm, float mean_gradient,
                       float mean_product) {
  for (std::size_t i = 0; i < area; ++i) {
    const float normalized = (x[i] - norm.mean) * norm.inverse_deviation;
    gradient[i] = (gradient[i] - mean_gradient - normalized * mean_product) * norm.inverse_deviation;
  }
}

}  // namespace diffbir::runtime
