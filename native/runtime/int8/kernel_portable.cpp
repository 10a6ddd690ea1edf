#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "runtime/int8/kernel.h"
#include "runtime/vector_math.h"

namespace diffbir::runtime::int8 {
namespace {

constexpr std::size_t panel_width = Int8Weights::panel_width;
constexpr std::size_t depth = Int8Weights::depth;

DIFFBIR_SIMD_CLONES
void multiply(const Tile& tile, float* sums) {
  for (std::size_t row = 0; row < tile.count; ++row) {
    std::int32_t products[panel_width] = {};
    const std::int8_t* weights = tile.weights;
    for (std::size_t k = 0; k < tile.group; k += depth, weights += panel_width * depth) {
      const std::uint8_t* bytes = tile.rows[row] + k;
      for (std::size_t output = 0; output < panel_width; ++output) {
        // Written out, since compilers then make vectors of it.
        products[output] += bytes[0] * weights[output * depth] + bytes[1] * weights[output * depth + 1] +
                            bytes[2] * weights[output * depth + 2] + bytes[3] * weights[output * depth + 3];
      }
    }
    const Affine affine = tile.affine[row];
    float* out = sums + row * panel_width;
    for (std::size_t output = 0; output < panel_width; ++output) {
      out[output] += affine.scale * (static_cast<float>(products[output]) * tile.weight_scales[output]) +
                     affine.offset * tile.weight_sums[output];
    }
  }
}

/// Values `step` apart.
Affine quantize(const float* values, const float* base, std::size_t step, std::size_t count, std::size_t group,
                std::uint8_t* bytes) {
  std::memset(bytes, 0, group);
  if (count == 0) return {0, 0};
  const auto value_of = [&](std::size_t i) { return base ? values[i * step] - base[i * step] : values[i * step]; };
  float low = value_of(0);
  float high = low;
  float broken = 0;  // NaN as soon as one value is not finite, which a comparison would hide
  for (std::size_t i = 0; i < count; ++i) {
    const float value = value_of(i);
    low = std::min(low, value);
    high = std::max(high, value);
    broken += value * 0.0F;
  }
  const float scale = (high - low) / 255.0F;
  // Of a range that is next to nothing, or has overflowed, only the offset counts.
  const float inverse = scale >= std::numeric_limits<float>::min() ? 1.0F / scale : 0.0F;
  if (broken == 0) {
    for (std::size_t i = 0; i < count; ++i) {
      bytes[i] = static_cast<std::uint8_t>(std::min(std::nearbyint((value_of(i) - low) * inverse), 255.0F));
    }
  }
  return {scale + broken, low + broken};
}

Affine quantize_row(const float* values, const float* base, std::size_t count, std::size_t group, std::uint8_t* bytes) {
  return quantize(values, base, 1, count, group, bytes);
}

void quantize_pixels(const float* values, const float* base, std::size_t pixels, std::size_t plane, std::size_t count,
                     std::size_t group, std::uint8_t* bytes, std::size_t stride, Affine* affine,
                     std::size_t affine_stride) {
  for (std::size_t p = 0; p < pixels; ++p) {
    affine[p * affine_stride] =
        quantize(values + p, base ? base + p : nullptr, plane, count, group, bytes + p * stride);
  }
}

void store_planes(const float* sums, std::size_t rows, std::size_t outputs, const float* bias, float* planes,
                  std::size_t plane) {
  for (std::size_t output = 0; output < outputs; ++output) {
    const float offset = bias ? bias[output] : 0.0F;
    for (std::size_t row = 0; row < rows; ++row) {
      planes[output * plane + row] = sums[row * panel_width + output] + offset;
    }
  }
}

DIFFBIR_SIMD_CLONES
void store_geglu(const float* values, const float* gates, std::size_t rows, const float* value_bias,
                 const float* gate_bias, float* out, std::size_t stride) {
  for (std::size_t row = 0; row < rows; ++row, values += panel_width, gates += panel_width, out += stride) {
    for (std::size_t i = 0; i < panel_width; ++i) out[i] = (values[i] + value_bias[i]) * gelu(gates[i] + gate_bias[i]);
  }
}

}  // namespace

const Kernels& portable_kernels() noexcept {
  static constexpr Kernels kernels{"portable", multiply, quantize_row, quantize_pixels, store_planes, store_geglu};
  return kernels;
}

const Kernels& kernels(bool portable) noexcept {
  if (portable) return portable_kernels();
  if (const Kernels* const fast = avx512_kernels()) return *fast;
  if (const Kernels* const fast = avx2_kernels()) return *fast;
  return portable_kernels();
}

}  // namespace diffbir::runtime::int8
