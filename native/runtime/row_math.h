#pragma once

#include <cstddef>

namespace diffbir::runtime {

/// y = (x - mean) / sqrt(variance + epsilon) * scale + bias for each of `rows` rows of `width` values, by the row's own
/// mean and variance.
void normalize_rows(const float* x, const float* scale, const float* bias, float* y, std::size_t rows,
                    std::size_t width, float epsilon);

/// For each of `rows` rows: y [width] = (a + bias_a) gelu(c + bias_c), x [2 width] being a and c one after the other,
/// bias [2 width] the same.
void geglu_rows(const float* x, const float* bias, float* y, std::size_t rows, std::size_t width);

/// y = x + bias for each of `rows` rows of `width` values, which begin every `x_stride` and `y_stride` values; bias
/// [width] may be null.
void store_rows(const float* x, std::size_t x_stride, const float* bias, float* y, std::size_t y_stride,
                std::size_t rows, std::size_t width);

/// y[i] += x[i]
void accumulate(const float* x, float* y, std::size_t count);

}  // namespace diffbir::runtime
