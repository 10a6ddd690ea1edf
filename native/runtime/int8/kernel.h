#pragma once

#include <cstddef>
#include <cstdint>

#include "weights/int8_weights.h"

namespace diffbir::runtime::int8 {

/// How the bytes of one group of activations are to be read: value = offset + scale * byte, byte in 0..255.
struct Affine {
  float scale;
  float offset;
};

/// Rows that one call multiplies: as many sums of 64 outputs as fit the registers.
constexpr std::size_t rows_at_once = 6;

/// One group of up to rows_at_once rows, and the weights of one panel for it.
struct Tile {
  const std::uint8_t* rows[rows_at_once];
  Affine affine[rows_at_once];
  std::size_t count;  // of rows, at least 1
  const std::int8_t* weights;
  const float* weight_scales;
  const float* weight_sums;
  std::size_t group;
};

/// The innermost loops, once for every kind of processor. All give the same numbers but for the order of roundings.
struct Kernels {
  const char* name;
  /// sums[r * panel_width + output] += row r times the weights of the output.
  void (*multiply)(const Tile& tile, float* sums);
  /// One group of a row: `count` values, or their differences from those of `base` where it is not null, and bytes for
  /// `group` of them. A value that is not finite makes the affine NaN.
  Affine (*quantize_row)(const float* values, const float* base, std::size_t count, std::size_t group,
                         std::uint8_t* bytes);
  /// The same for neighbouring pixels of an NCHW picture: pixel p of channel c is values[c * plane + p], its bytes
  /// begin at bytes + p * stride and its affine is affine[p * affine_stride].
  void (*quantize_pixels)(const float* values, const float* base, std::size_t pixels, std::size_t plane,
                          std::size_t count, std::size_t group, std::uint8_t* bytes, std::size_t stride, Affine* affine,
                          std::size_t affine_stride);
  /// planes[output * plane + row] = sums[row * panel_width + output] + bias[output]; bias may be null.
  void (*store_planes)(const float* sums, std::size_t rows, std::size_t outputs, const float* bias, float* planes,
                       std::size_t plane);
  /// out[row * stride + output] = (values + value_bias) gelu(gates + gate_bias) for a whole panel of each, with errors
  /// of gelu below 2e-4.
  void (*store_geglu)(const float* values, const float* gates, std::size_t rows, const float* value_bias,
                      const float* gate_bias, float* out, std::size_t stride);
};

/// In plain C++, for every processor.
const Kernels& portable_kernels() noexcept;
/// With AVX2; null where compiler or processor do not have it.
const Kernels* avx2_kernels() noexcept;
/// With AVX-512 VNNI; null where compiler or processor do not have it.
const Kernels* avx512_kernels() noexcept;
/// The fastest that this processor runs, or the portable ones.
const Kernels& kernels(bool portable) noexcept;

}  // namespace diffbir::runtime::int8
