#include "core/cpu.h"
#include "runtime/int8/kernel.h"

#if DIFFBIR_HAS_AVX512

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"  // GCC 12 says so of its own intrinsics
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

#include "runtime/avx512.h"

namespace diffbir::runtime::int8 {
namespace {

constexpr std::size_t panel_width = Int8Weights::panel_width;
constexpr std::size_t depth = Int8Weights::depth;
using avx512::lanes;
constexpr std::size_t vectors = panel_width / lanes;

template <std::size_t rows, std::size_t... I>
inline __attribute__((always_inline)) void multiply_rows(const Tile& tile, float* sums, std::index_sequence<I...>) {
  __m512i products[rows * vectors];
  ((products[I] = _mm512_setzero_si512()), ...);
  const void* bytes[rows];
  for (std::size_t row = 0; row < rows; ++row) bytes[row] = tile.rows[row];
  avx512::accumulate<avx512::ByteStep, vectors>(products, bytes, tile.weights, tile.group / depth);
  const auto finish = [&]<std::size_t i>() __attribute__((always_inline)) {
    constexpr std::size_t row = i / vectors;
    constexpr std::size_t first = i % vectors * lanes;
    float* out = sums + row * panel_width + first;
    const __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(products[i]), _mm512_loadu_ps(tile.weight_scales + first));
    __m512 sum = _mm512_loadu_ps(out);
    sum = _mm512_fmadd_ps(value, _mm512_set1_ps(tile.affine[row].scale), sum);
    sum = _mm512_fmadd_ps(_mm512_loadu_ps(tile.weight_sums + first), _mm512_set1_ps(tile.affine[row].offset), sum);
    _mm512_storeu_ps(out, sum);
  };
  (finish.template operator()<I>(), ...);
}

template <std::size_t rows>
void multiply_tile(const Tile& tile, float* sums) {
  multiply_rows<rows>(tile, sums, std::make_index_sequence<rows * vectors>());
}

void multiply(const Tile& tile, float* sums) {
  using Multiply = void (*)(const Tile&, float*);
  static constexpr Multiply by_rows[rows_at_once] = {multiply_tile<1>, multiply_tile<2>, multiply_tile<3>,
                                                     multiply_tile<4>, multiply_tile<5>, multiply_tile<6>};
  by_rows[tile.count - 1](tile, sums);
}

struct Range {
  __m512 low, high, broken;

  explicit Range(__m512 value) : low(value), high(value), broken(_mm512_setzero_ps()) {}
  void add(__m512 value) {
    low = _mm512_min_ps(low, value);
    high = _mm512_max_ps(high, value);
    broken = _mm512_fmadd_ps(value, _mm512_setzero_ps(), broken);
  }
};

/// 0..255 in each lane; whatever is not a number becomes 0, and is told by the affine.
inline __m512i to_bytes(__m512 value, __m512 low, __m512 inverse) {
  const __m512i rounded = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_sub_ps(value, low), inverse));
  return _mm512_min_epi32(_mm512_max_epi32(rounded, _mm512_setzero_si512()), _mm512_set1_epi32(255));
}

Affine quantize_row(const float* values, const float* base, std::size_t count, std::size_t group, std::uint8_t* bytes) {
  std::memset(bytes, 0, group);
  if (count == 0) return {0, 0};
  const auto mask_of = [&](std::size_t i) { return avx512::first_lanes(count - i); };
  const __m512 first = _mm512_set1_ps(base ? values[0] - base[0] : values[0]);
  const auto load = [&](std::size_t i) __attribute__((always_inline)) {
    const __m512 value = _mm512_mask_loadu_ps(first, mask_of(i), values + i);
    return base ? _mm512_mask_sub_ps(first, mask_of(i), value, _mm512_maskz_loadu_ps(mask_of(i), base + i)) : value;
  };
  Range range(first);
  for (std::size_t i = 0; i < count; i += lanes) range.add(load(i));
  const float low = _mm512_reduce_min_ps(range.low);
  const float high = _mm512_reduce_max_ps(range.high);
  const float broken = _mm512_reduce_add_ps(range.broken);
  const __m512 inverse = _mm512_set1_ps(high > low ? 255.0F / (high - low) : 0.0F);
  for (std::size_t i = 0; i < count; i += lanes) {
    const __m512i rounded = to_bytes(load(i), _mm512_set1_ps(low), inverse);
    _mm_mask_storeu_epi8(bytes + i, mask_of(i), _mm512_cvtepi32_epi8(rounded));
  }
  return {(high - low) / 255.0F + broken, low + broken};
}

/// Rows become columns. Four rounds, each of which puts together pieces that are twice as long.
inline __attribute__((always_inline)) void transpose(__m512 (&square)[lanes]) {
  __m512 other[lanes];
  avx512::unrolled<lanes>([&]<std::size_t i>() __attribute__((always_inline)) {
    constexpr std::size_t pair = i / 2 * 2;
    other[i] = i % 2 == 0 ? _mm512_unpacklo_ps(square[pair], square[pair + 1])
                          : _mm512_unpackhi_ps(square[pair], square[pair + 1]);
  });
  // square[4 k + j]: in each quarter q of the register, column 4 q + j of the rows 4 k to 4 k + 3.
  avx512::unrolled<lanes>([&]<std::size_t i>() __attribute__((always_inline)) {
    constexpr std::size_t from = i / 4 * 4 + i % 4 / 2;
    const __m512d a = _mm512_castps_pd(other[from]);
    const __m512d b = _mm512_castps_pd(other[from + 2]);
    square[i] = _mm512_castpd_ps(i % 2 == 0 ? _mm512_unpacklo_pd(a, b) : _mm512_unpackhi_pd(a, b));
  });
  // other[8 k + 2 j + h]: quarters h and h + 2 of rows 8 k to 8 k + 3, then of the four behind them.
  avx512::unrolled<lanes>([&]<std::size_t i>() __attribute__((always_inline)) {
    constexpr std::size_t from = i / 8 * 8 + i % 8 / 2;
    constexpr int quarters = i % 2 == 0 ? 0x88 : 0xDD;
    other[i] = _mm512_shuffle_f32x4(square[from], square[from + 4], quarters);
  });
  avx512::unrolled<lanes>([&]<std::size_t i>() __attribute__((always_inline)) {
    constexpr std::size_t from = i % 4 * 2 + i / 4 % 2;
    constexpr int quarters = i / 8 == 0 ? 0x88 : 0xDD;
    square[i] = _mm512_shuffle_f32x4(other[from], other[from + 8], quarters);
  });
}

constexpr std::size_t pixel_vectors = 4;  // a cache line of each

/// Channels of neighbouring pixels, and what they make of 0..255.
struct PixelBlock {
  alignas(64) float values[Int8Weights::largest_group][pixel_vectors][lanes];
  __m512 low[pixel_vectors];
  __m512 inverse[pixel_vectors];
};

/// Channels lie far apart in memory, by what the sets of a cache have in common: they are read once, and as many pixels
/// of each as a few cache lines have.
inline __attribute__((always_inline)) void read_pixels(PixelBlock& block, const float* values, const float* base,
                                                       std::size_t pixels, std::size_t plane, std::size_t count,
                                                       std::size_t group, Affine* affine, std::size_t affine_stride) {
  const auto load = [&](std::size_t channel, std::size_t v) __attribute__((always_inline)) {
    const __mmask16 mask = avx512::first_lanes(count > 0 ? pixels - std::min(pixels, v * lanes) : 0);
    const std::size_t at = channel * plane + v * lanes;
    const __m512 value = _mm512_maskz_loadu_ps(mask, values + at);
    return base ? _mm512_sub_ps(value, _mm512_maskz_loadu_ps(mask, base + at)) : value;
  };
  Range ranges[] = {Range(load(0, 0)), Range(load(0, 1)), Range(load(0, 2)), Range(load(0, 3))};
  static_assert(std::size(ranges) == pixel_vectors);
  for (std::size_t channel = 0; channel < group; ++channel) {
    avx512::unrolled<pixel_vectors>([&]<std::size_t v>() __attribute__((always_inline)) {
      const __m512 value = channel < count ? load(channel, v) : _mm512_setzero_ps();
      if (channel < count) ranges[v].add(value);
      _mm512_store_ps(block.values[channel][v], value);
    });
  }
  avx512::unrolled<pixel_vectors>([&]<std::size_t v>() __attribute__((always_inline)) {
    const auto& [low, high, broken] = ranges[v];
    const __m512 difference = _mm512_sub_ps(high, low);
    const __mmask16 wide = _mm512_cmp_ps_mask(difference, _mm512_setzero_ps(), _CMP_GT_OQ);
    block.low[v] = low;
    block.inverse[v] = _mm512_maskz_div_ps(wide, _mm512_set1_ps(255.0F), difference);
    alignas(64) float scales[lanes];
    alignas(64) float offsets[lanes];
    _mm512_store_ps(scales, _mm512_add_ps(_mm512_div_ps(difference, _mm512_set1_ps(255.0F)), broken));
    _mm512_store_ps(offsets, _mm512_add_ps(low, broken));
    for (std::size_t i = v * lanes; i < std::min(pixels, (v + 1) * lanes); ++i) {
      affine[i * affine_stride] = {scales[i % lanes], offsets[i % lanes]};
    }
  });
}

void quantize_pixels(const float* values, const float* base, std::size_t pixels, std::size_t plane, std::size_t count,
                     std::size_t group, std::uint8_t* bytes, std::size_t stride, Affine* affine,
                     std::size_t affine_stride) {
  constexpr std::size_t most_pixels = pixel_vectors * lanes;
  for (; pixels > most_pixels; pixels -= most_pixels) {
    quantize_pixels(values, base, most_pixels, plane, count, group, bytes, stride, affine, affine_stride);
    values += most_pixels;
    base += base ? most_pixels : 0;
    bytes += most_pixels * stride;
    affine += most_pixels * affine_stride;
  }
  PixelBlock block;
  read_pixels(block, values, base, pixels, plane, count, group, affine, affine_stride);
  // Of 16 pixels 64 channels at a time: four bytes of each pixel side by side, then all bytes of a pixel.
  constexpr std::size_t channels = lanes * depth;
  for (std::size_t first = 0; first < pixels; first += lanes) {
    const std::size_t v = first / lanes;
    for (std::size_t channel = 0; channel < group; channel += channels) {
      __m512 square[lanes];
      avx512::unrolled<lanes>([&]<std::size_t i>() __attribute__((always_inline)) {
        __m512i four = _mm512_setzero_si512();
        const std::size_t from = channel + i * depth;
        if (from < group) {
          const auto byte = [&](std::size_t d) __attribute__((always_inline)) {
            return to_bytes(_mm512_load_ps(block.values[from + d][v]), block.low[v], block.inverse[v]);
          };
          four = _mm512_or_si512(_mm512_or_si512(byte(0), _mm512_slli_epi32(byte(1), 8)),
                                 _mm512_or_si512(_mm512_slli_epi32(byte(2), 16), _mm512_slli_epi32(byte(3), 24)));
        }
        square[i] = _mm512_castsi512_ps(four);
      });
      transpose(square);
      const __mmask16 mask = avx512::first_lanes((group - channel) / depth);
      avx512::unrolled<lanes>([&]<std::size_t i>() __attribute__((always_inline)) {
        if (first + i < pixels) _mm512_mask_storeu_ps(bytes + (first + i) * stride + channel, mask, square[i]);
      });
    }
  }
}

void store_planes(const float* sums, std::size_t rows, std::size_t outputs, const float* bias, float* planes,
                  std::size_t plane) {
  constexpr std::size_t most_rows = 3 * lanes;
  for (; rows > most_rows; rows -= most_rows, sums += most_rows * panel_width, planes += most_rows) {
    store_planes(sums, most_rows, outputs, bias, planes, plane);
  }
  // All rows of an output are written at once: planes are apart by what the sets of a cache have in common, so that it
  // keeps few of their lines.
  alignas(64) float columns[lanes][most_rows];
  // Many planes of this size are more than the caches have, and a line that is written whole need not be read before.
  const bool past_caches = plane >= 16384;
  for (std::size_t first = 0; first < outputs; first += lanes) {
    for (std::size_t row = 0; row < rows; row += lanes) {
      __m512 square[lanes];
      avx512::unrolled<lanes>([&]<std::size_t i>() __attribute__((always_inline)) {
        square[i] = row + i < rows ? _mm512_loadu_ps(sums + (row + i) * panel_width + first) : _mm512_setzero_ps();
      });
      transpose(square);
      avx512::unrolled<lanes>([&]<std::size_t i>()
                                  __attribute__((always_inline)) { _mm512_store_ps(columns[i] + row, square[i]); });
    }
    for (std::size_t i = 0; i < std::min(lanes, outputs - first); ++i) {
      const __m512 offset = _mm512_set1_ps(bias ? bias[first + i] : 0.0F);
      float* out = planes + (first + i) * plane;
      for (std::size_t row = 0; row < rows; row += lanes) {
        const __m512 value = _mm512_add_ps(_mm512_load_ps(columns[i] + row), offset);
        const __mmask16 mask = avx512::first_lanes(rows - row);
        if (past_caches && mask == 0xFFFF && reinterpret_cast<std::uintptr_t>(out + row) % 64 == 0) {
          _mm512_stream_ps(out + row, value);
        } else {
          _mm512_mask_storeu_ps(out + row, mask, value);
        }
      }
    }
  }
  if (past_caches) _mm_sfence();  // such stores are not in order with what tells other threads of them
}

/// The standard normal distribution function on [0, 4) in 16 pieces, each a parabola through its values at the ends and
/// in the middle; 1 from 4 on.
struct NormalPieces {
  static constexpr float per_unit = 4;
  alignas(64) float constant[lanes], linear[lanes], quadratic[lanes];

  NormalPieces() {
    for (std::size_t i = 0; i < lanes; ++i) {
      const auto at = [&](double part) {
        const double place = static_cast<double>(i) + part;
        return place < lanes ? 0.5 * std::erfc(-place / per_unit * std::numbers::sqrt2 / 2) : 1.0;
      };
      const double curve = 2 * (at(0) - 2 * at(0.5) + at(1));
      constant[i] = static_cast<float>(at(0));
      linear[i] = static_cast<float>(at(1) - at(0) - curve);
      quadratic[i] = static_cast<float>(curve);
    }
  }
};

class Gelu {
 public:
  Gelu() {
    static const NormalPieces pieces;
    constant_ = _mm512_load_ps(pieces.constant);
    linear_ = _mm512_load_ps(pieces.linear);
    quadratic_ = _mm512_load_ps(pieces.quadratic);
  }
  __m512 operator()(__m512 x) const {
    // Not a number comes through the minimum as the last place, and makes the product not one.
    const __m512 place = _mm512_min_ps(_mm512_mul_ps(_mm512_abs_ps(x), _mm512_set1_ps(NormalPieces::per_unit)),
                                       _mm512_set1_ps(std::nextafter(static_cast<float>(lanes), 0.0F)));
    const __m512i piece = _mm512_cvttps_epi32(place);
    const __m512 f = _mm512_sub_ps(place, _mm512_cvtepi32_ps(piece));
    __m512 p = _mm512_fmadd_ps(_mm512_permutexvar_ps(piece, quadratic_), f, _mm512_permutexvar_ps(piece, linear_));
    p = _mm512_fmadd_ps(p, f, _mm512_permutexvar_ps(piece, constant_));
    const __mmask16 negative = _mm512_movepi32_mask(_mm512_castps_si512(x));
    return _mm512_mul_ps(x, _mm512_mask_sub_ps(p, negative, _mm512_set1_ps(1), p));
  }

 private:
  __m512 constant_, linear_, quadratic_;
};

void store_geglu(const float* values, const float* gates, std::size_t rows, const float* value_bias,
                 const float* gate_bias, float* out, std::size_t stride) {
  const Gelu gelu;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < panel_width; i += lanes) {
      const std::size_t at = row * panel_width + i;
      const __m512 value = _mm512_add_ps(_mm512_loadu_ps(values + at), _mm512_loadu_ps(value_bias + i));
      const __m512 gate = _mm512_add_ps(_mm512_loadu_ps(gates + at), _mm512_loadu_ps(gate_bias + i));
      _mm512_storeu_ps(out + row * stride + i, _mm512_mul_ps(value, gelu(gate)));
    }
  }
}

}  // namespace
}  // namespace diffbir::runtime::int8

#pragma GCC diagnostic pop
#pragma GCC pop_options

namespace diffbir::runtime::int8 {

const Kernels* avx512_kernels() noexcept {
  static constexpr Kernels kernels{"avx512", multiply, quantize_row, quantize_pixels, store_planes, store_geglu};
  return has_avx512_vnni() ? &kernels : nullptr;
}

}  // namespace diffbir::runtime::int8

#else

namespace diffbir::runtime::int8 {

const Kernels* avx512_kernels() noexcept { return nullptr; }

}  // namespace diffbir::runtime::int8

#endif
