#include "core/cpu.h"
#include "runtime/int8/kernel.h"

#if DIFFBIR_HAS_AVX512  // the compilers that know `#pragma GCC target`

#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <utility>

#pragma GCC push_options
#pragma GCC target("avx2,fma")

namespace diffbir::runtime::int8 {
namespace {

constexpr std::size_t panel_width = Int8Weights::panel_width;
constexpr std::size_t depth = Int8Weights::depth;
constexpr std::size_t lanes = 8;  // 32-bit numbers in a register

/// Rows of a tile as numbers of 16 bits. Products of bytes (vpmaddubsw) would saturate; those of 16 bits cannot.
struct WideRows {
  alignas(32) std::int16_t values[rows_at_once][Int8Weights::largest_group];

  explicit WideRows(const Tile& tile) {
    for (std::size_t row = 0; row < tile.count; ++row) {
      const std::uint8_t* const bytes = tile.rows[row];
      for (std::size_t k = 0; k < tile.group; ++k) values[row][k] = bytes[k];
    }
  }
};

/// sum += the products of neighbouring numbers of 16 bits, two and two. In assembly, since GCC 12 keeps half of the
/// sums on the stack when these are intrinsics.
inline __attribute__((always_inline)) void add_products(__m256i& sum, __m256i row, __m256i column) {
  __m256i products;
  asm("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(sum), "=&x"(products) : "x"(row), "x"(column));
}

/// Sums of `lanes` outputs for all rows: two registers of four outputs each, with two sums an output. As many as
/// registers hold beside a row's numbers and the weights.
template <std::size_t rows, std::size_t... I>
inline __attribute__((always_inline)) void multiply_rows(const Tile& tile, const WideRows& wide, std::size_t first,
                                                         float* sums, std::index_sequence<I...>) {
  __m256i products[] = {(static_cast<void>(I), _mm256_setzero_si256())...};
  const std::int8_t* weights = tile.weights + first * depth;
  for (std::size_t k = 0; k < tile.group; k += depth, weights += panel_width * depth) {
    const auto widened = [&](std::size_t output) __attribute__((always_inline)) {
      return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(weights + output * depth)));
    };
    const __m256i columns[] = {widened(0), widened(lanes / 2)};
    const auto add = [&]<std::size_t i>() __attribute__((always_inline)) {
      std::int64_t four;
      std::memcpy(&four, wide.values[i / 2] + k, sizeof four);
      add_products(products[i], _mm256_set1_epi64x(four), columns[i % 2]);
    };
    (add.template operator()<I>(), ...);
  }
  const __m256 scales = _mm256_loadu_ps(tile.weight_scales + first);
  const __m256 weight_sums = _mm256_loadu_ps(tile.weight_sums + first);
  for (std::size_t row = 0; row < rows; ++row) {
    // Of each half of both registers in turn: outputs 0, 1, 4, 5, 2, 3, 6, 7.
    const __m256i pairs = _mm256_hadd_epi32(products[2 * row], products[2 * row + 1]);
    const __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_permute4x64_epi64(pairs, 0xD8)), scales);
    float* const out = sums + row * panel_width + first;
    __m256 sum = _mm256_fmadd_ps(value, _mm256_set1_ps(tile.affine[row].scale), _mm256_loadu_ps(out));
    sum = _mm256_fmadd_ps(weight_sums, _mm256_set1_ps(tile.affine[row].offset), sum);
    _mm256_storeu_ps(out, sum);
  }
}

template <std::size_t rows>
void multiply_tile(const Tile& tile, float* sums) {
  const WideRows wide(tile);
  for (std::size_t first = 0; first < panel_width; first += lanes) {
    multiply_rows<rows>(tile, wide, first, sums, std::make_index_sequence<2 * rows>());
  }
}

void multiply(const Tile& tile, float* sums) {
  using Multiply = void (*)(const Tile&, float*);
  static constexpr Multiply by_rows[rows_at_once] = {multiply_tile<1>, multiply_tile<2>, multiply_tile<3>,
                                                     multiply_tile<4>, multiply_tile<5>, multiply_tile<6>};
  by_rows[tile.count - 1](tile, sums);
}

/// What the values in each lane span.
struct Range {
  __m256 low, high, broken;

  explicit Range(__m256 value) : low(value), high(value), broken(_mm256_setzero_ps()) {}
  void add(__m256 value) {
    low = _mm256_min_ps(low, value);
    high = _mm256_max_ps(high, value);
    broken = _mm256_fmadd_ps(value, _mm256_setzero_ps(), broken);
  }
};

/// 0..255 in each lane; whatever is not a number becomes one of them, and is told by the affine.
inline __m256i to_bytes(__m256 value, __m256 low, __m256 inverse) {
  const __m256i rounded = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_sub_ps(value, low), inverse));
  return _mm256_min_epi32(_mm256_max_epi32(rounded, _mm256_setzero_si256()), _mm256_set1_epi32(255));
}

/// 255 / (high - low), or 0.
inline __m256 inverse_of(__m256 low, __m256 high) {
  const __m256 difference = _mm256_sub_ps(high, low);
  return _mm256_and_ps(_mm256_cmp_ps(difference, _mm256_setzero_ps(), _CMP_GT_OQ),
                       _mm256_div_ps(_mm256_set1_ps(255.0F), difference));
}

/// The first `count` of eight lanes.
inline __m256i first_lanes(std::size_t count) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(std::min(count, lanes))), lane);
}

/// The first `count` values, or their differences from those of `base`; the others are those of `rest`.
inline __m256 load(const float* values, const float* base, std::size_t count, __m256 rest) {
  const __m256i mask = first_lanes(count);
  __m256 value = _mm256_maskload_ps(values, mask);
  if (base) value = _mm256_sub_ps(value, _mm256_maskload_ps(base, mask));
  return _mm256_blendv_ps(rest, value, _mm256_castsi256_ps(mask));
}

template <typename Join>
inline float joined(__m256 lane_values, Join join) {
  alignas(32) float values[lanes];
  _mm256_store_ps(values, lane_values);
  float all = values[0];
  for (const float value : values) all = join(all, value);
  return all;
}

Affine quantize_row(const float* values, const float* base, std::size_t count, std::size_t group, std::uint8_t* bytes) {
  std::memset(bytes, 0, group);
  if (count == 0) return {0, 0};
  const __m256 first = _mm256_set1_ps(base ? values[0] - base[0] : values[0]);
  const auto at = [&](std::size_t i) __attribute__((always_inline)) {
    return load(values + i, base ? base + i : nullptr, count - i, first);
  };
  Range range(first);
  for (std::size_t i = 0; i < count; i += lanes) range.add(at(i));
  const float low = joined(range.low, [](float a, float b) { return std::min(a, b); });
  const float high = joined(range.high, [](float a, float b) { return std::max(a, b); });
  const float broken = joined(range.broken, [](float a, float b) { return a + b; });
  const __m256 inverse = inverse_of(_mm256_set1_ps(low), _mm256_set1_ps(high));
  for (std::size_t i = 0; i < count; i += lanes) {
    const __m256i rounded = to_bytes(at(i), _mm256_set1_ps(low), inverse);
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
    const std::int64_t eight = _mm_cvtsi128_si64(_mm_packus_epi16(words, words));
    std::memcpy(bytes + i, &eight, std::min(count - i, lanes));
  }
  return {(high - low) / 255.0F + broken, low + broken};
}

constexpr std::size_t pixel_vectors = 2;  // a cache line of each channel
constexpr std::size_t block_pixels = pixel_vectors * lanes;

/// Channels lie far apart in memory: those of neighbouring pixels are read once, and kept here.
void quantize_block(const float* values, const float* base, std::size_t pixels, std::size_t plane, std::size_t count,
                    std::size_t group, std::uint8_t* bytes, std::size_t stride, Affine* affine,
                    std::size_t affine_stride) {
  alignas(32) float kept[Int8Weights::largest_group][block_pixels];
  alignas(32) std::int32_t fours[Int8Weights::largest_group / depth][block_pixels];
  for (std::size_t v = 0; v < pixel_vectors; ++v) {
    const std::size_t first = v * lanes;
    if (first >= pixels) break;
    const auto at = [&](std::size_t channel) __attribute__((always_inline)) {
      const std::size_t place = channel * plane + first;
      if (pixels - first < lanes) {
        return load(values + place, base ? base + place : nullptr, pixels - first, _mm256_setzero_ps());
      }
      const __m256 value = _mm256_loadu_ps(values + place);
      return base ? _mm256_sub_ps(value, _mm256_loadu_ps(base + place)) : value;
    };
    Range range(count > 0 ? at(0) : _mm256_setzero_ps());
    for (std::size_t channel = 0; channel < count; ++channel) {
      const __m256 value = at(channel);
      range.add(value);
      _mm256_store_ps(kept[channel] + first, value);
    }
    const __m256 inverse = inverse_of(range.low, range.high);
    for (std::size_t channel = 0; channel < group; channel += depth) {
      __m256i four = _mm256_setzero_si256();
      for (std::size_t d = 0; d < std::min(depth, count - std::min(count, channel)); ++d) {
        const __m256i byte = to_bytes(_mm256_load_ps(kept[channel + d] + first), range.low, inverse);
        four = _mm256_or_si256(four, _mm256_slli_epi32(byte, static_cast<int>(8 * d)));
      }
      _mm256_store_si256(reinterpret_cast<__m256i*>(fours[channel / depth] + first), four);
    }
    alignas(32) float scales[lanes];
    alignas(32) float offsets[lanes];
    const __m256 difference = _mm256_sub_ps(range.high, range.low);
    _mm256_store_ps(scales, _mm256_add_ps(_mm256_div_ps(difference, _mm256_set1_ps(255.0F)), range.broken));
    _mm256_store_ps(offsets, _mm256_add_ps(range.low, range.broken));
    for (std::size_t i = first; i < std::min(pixels, first + lanes); ++i) {
      affine[i * affine_stride] = {scales[i - first], offsets[i - first]};
      std::uint8_t* const to = bytes + i * stride;
      for (std::size_t k = 0; k < group / depth; ++k) std::memcpy(to + k * depth, &fours[k][i], depth);
    }
  }
}

void quantize_pixels(const float* values, const float* base, std::size_t pixels, std::size_t plane, std::size_t count,
                     std::size_t group, std::uint8_t* bytes, std::size_t stride, Affine* affine,
                     std::size_t affine_stride) {
  for (std::size_t first = 0; first < pixels; first += block_pixels) {
    quantize_block(values + first, base ? base + first : nullptr, std::min(block_pixels, pixels - first), plane, count,
                   group, bytes + first * stride, stride, affine + first * affine_stride, affine_stride);
  }
}

}  // namespace
}  // namespace diffbir::runtime::int8

#pragma GCC pop_options

namespace diffbir::runtime::int8 {

const Kernels* avx2_kernels() noexcept {
  static const Kernels kernels{
      "avx2", multiply, quantize_row, quantize_pixels, portable_kernels().store_planes, portable_kernels().store_geglu};
  return has_avx2() ? &kernels : nullptr;
}

}  // namespace diffbir::runtime::int8

#else

namespace diffbir::runtime::int8 {

const Kernels* avx2_kernels() noexcept { return nullptr; }

}  // namespace diffbir::runtime::int8

#endif
