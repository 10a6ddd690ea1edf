#include "runtime/row_math.h"

#include <cmath>

#include "runtime/vector_math.h"

namespace diffbir::runtime {
namespace {

/// Sums are taken in as many parts, side by side, as the widest registers hold twice.
constexpr std::size_t lanes = 32;

inline float sum_of(const float (&parts)[lanes]) {
  float sum = 0;
  for (const float part : parts) sum += part;
  return sum;
}

}  // namespace

DIFFBIR_SIMD_CLONES
void normalize_rows(const float* x, const float* scale, const float* bias, float* y, std::size_t rows,
                    std::size_t width, float epsilon) {
  const std::size_t whole = width - width % lanes;
  for (std::size_t row = 0; row < rows; ++row, x += width, y += width) {
    float sums[lanes] = {};
    for (std::size_t i = 0; i < whole; i += lanes) {
      for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += x[i + lane];
    }
    for (std::size_t i = whole; i < width; ++i) sums[i - whole] += x[i];
    const float mean = sum_of(sums) / static_cast<float>(width);

    float squares[lanes] = {};
    for (std::size_t i = 0; i < whole; i += lanes) {
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const float d = x[i + lane] - mean;
        squares[lane] += d * d;
      }
    }
    for (std::size_t i = whole; i < width; ++i) squares[i - whole] += (x[i] - mean) * (x[i] - mean);
    const float inverse_deviation = 1.0F / std::sqrt(sum_of(squares) / static_cast<float>(width) + epsilon);

    for (std::size_t i = 0; i < width; ++i) y[i] = (x[i] - mean) * inverse_deviation * scale[i] + bias[i];
  }
}

DIFFBIR_SIMD_CLONES
void geglu_rows(const float* x, const float* bias, float* y, std::size_t rows, std::size_t width) {
  for (std::size_t row = 0; row < rows; ++row, x += 2 * width, y += width) {
    for (std::size_t i = 0; i < width; ++i) y[i] = (x[i] + bias[i]) * gelu(x[width + i] + bias[width + i]);
  }
}

DIFFBIR_SIMD_CLONES
void store_rows(const float* x, std::size_t x_stride, const float* bias, float* y, std::size_t y_stride,
                std::size_t rows, std::size_t width) {
  for (std::size_t row = 0; row < rows; ++row, x += x_stride, y += y_stride) {
    if (bias) {
      for (std::size_t i = 0; i < width; ++i) y[i] = x[i] + bias[i];
    } else {
      for (std::size_t i = 0; i < width; ++i) y[i] = x[i];
    }
  }
}

DIFFBIR_SIMD_CLONES
void accumulate(const float* x, float* y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) y[i] += x[i];
}

}  // namespace diffbir::runtime
