#include "core/cpu.h"
#include "runtime/attention/kernel.h"

#if DIFFBIR_HAS_AVX512

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"  // GCC 12 says so of its own intrinsics
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")

#include "runtime/avx512.h"

namespace diffbir::runtime::attention {
namespace {

using avx512::lanes;

constexpr std::size_t rows_at_once = 6;
constexpr std::size_t key_vectors = keys_of_block / lanes;

/// The bits of 16 floats as bfloat16, in the low halves.
inline __m512i low_halves(__m512 values) {
  return _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(values)));
}

/// Numbers of 4 bytes, one a step.
struct Float {
  using Step = avx512::FloatStep;
  static constexpr std::size_t depth = 1;
  static constexpr float exp2[] = {0.00015370705F, 0.0013399848F, 0.0096183736F,
                                   0.05550329F,    0.24022648F,   0.69314718F};  // to 2e-9
  static void store_row(void* row, std::size_t first, __m512 values) {
    _mm512_storeu_ps(static_cast<float*>(row) + first, values);
  }
  static void store_step(void* packed, const __m512 (&values)[depth]) { _mm512_storeu_ps(packed, values[0]); }
};

/// Numbers of 2 bytes, two a step.
struct Bfloat16 {
  using Step = avx512::Bfloat16Step;
  static constexpr std::size_t depth = 2;
  static constexpr float exp2[] = {0.054592825F, 0.24221784F, 0.69336861F};  // to 1.1e-4, a sixteenth of its rounding
  static void store_row(void* row, std::size_t first, __m512 values) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(static_cast<std::uint16_t*>(row) + first),
                        reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(values)));
  }
  static void store_step(void* packed, const __m512 (&values)[depth]) {
    _mm512_storeu_si512(packed, _mm512_or_si512(low_halves(values[0]), _mm512_slli_epi32(low_halves(values[1]), 16)));
  }
};

template <typename Number>
constexpr std::size_t element = 4 / Number::depth;

/// Step after step, of each key `depth` neighbouring numbers.
template <typename Number>
void pack_keys(const float* keys, std::size_t stride, std::size_t count, std::size_t width, void* packed) {
  char* out = static_cast<char*>(packed);
  const __m512i places = _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                                            _mm512_set1_epi32(static_cast<int>(stride)));
  for (std::size_t i = 0; i < width; i += Number::depth) {
    for (std::size_t first = 0; first < keys_of_block; first += lanes, out += 64) {
      const __mmask16 mask = avx512::first_lanes(count - std::min(count, first));
      __m512 values[Number::depth];
      for (std::size_t d = 0; d < Number::depth; ++d) {
        values[d] = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, places, keys + first * stride + i + d, 4);
      }
      Number::store_step(out, values);
    }
  }
}

/// Step after step, of `depth` neighbouring values each number.
template <typename Number>
void pack_values(const float* values, std::size_t stride, std::size_t count, std::size_t width, void* packed) {
  char* out = static_cast<char*>(packed);
  for (std::size_t key = 0; key < keys_of_block; key += Number::depth) {
    for (std::size_t i = 0; i < width; i += lanes, out += 64) {
      __m512 rows[Number::depth];
      for (std::size_t d = 0; d < Number::depth; ++d) {
        rows[d] = key + d < count ? _mm512_loadu_ps(values + (key + d) * stride + i) : _mm512_setzero_ps();
      }
      Number::store_step(out, rows);
    }
  }
}

/// 2^x for x <= 0: a polynomial on [-1/2, 1/2] (least squares of the relative error) and the exponent. NaN stays NaN.
template <std::size_t terms>
inline __m512 exp2(__m512 x, const float (&coefficients)[terms]) {
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT);
  const __m512 f = _mm512_sub_ps(x, whole);
  __m512 p = _mm512_set1_ps(coefficients[0]);
  for (std::size_t i = 1; i < terms; ++i) p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(coefficients[i]));
  return _mm512_scalef_ps(_mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0F)), whole);
}

/// Queries on their way through the blocks of keys: the largest score so far, and the sums of weights and of weighted
/// values relative to it.
template <std::size_t width>
struct State {
  alignas(64) float largest[queries_of_task];
  alignas(64) float weights[queries_of_task][lanes];
  alignas(64) float values[queries_of_task][width];
};

/// The scores of six queries with one block of keys, then their weights, then the weighted values. `q` is scaled so
/// that the weights are powers of two.
template <typename Number, std::size_t width>
inline __attribute__((always_inline)) void attend_block(const char* q, const char* keys, const char* values,
                                                        std::size_t count, State<width>& state, std::size_t first) {
  constexpr std::size_t query_bytes = width * element<Number>;
  const void* rows[rows_at_once];
  for (std::size_t r = 0; r < rows_at_once; ++r) rows[r] = q + (first + r) * query_bytes;
  __m512 scores[rows_at_once * key_vectors];
  for (auto& score : scores) score = _mm512_setzero_ps();
  avx512::accumulate<typename Number::Step, key_vectors>(scores, rows, keys, width / Number::depth);

  alignas(64) float before[lanes] = {};
  alignas(64) float largest[lanes] = {};
  alignas(64) float shrink[lanes];
  for (std::size_t r = 0; r < rows_at_once; ++r) {
    __m512* row = scores + r * key_vectors;
    if (count < keys_of_block) {
      for (std::size_t v = 0; v < key_vectors; ++v) {
        const __mmask16 mask = avx512::first_lanes(count - std::min(count, v * lanes));
        row[v] = _mm512_mask_blend_ps(mask, _mm512_set1_ps(std::numeric_limits<float>::lowest()), row[v]);
      }
    }
    before[r] = state.largest[first + r];
    const __m512 high = _mm512_max_ps(_mm512_max_ps(row[0], row[1]), _mm512_max_ps(row[2], row[3]));
    largest[r] = std::max(before[r], _mm512_reduce_max_ps(high));
    state.largest[first + r] = largest[r];
  }
  _mm512_store_ps(shrink, exp2(_mm512_sub_ps(_mm512_load_ps(before), _mm512_load_ps(largest)), Number::exp2));

  alignas(64) char weights[rows_at_once][keys_of_block * element<Number>];
  for (std::size_t r = 0; r < rows_at_once; ++r) {
    __m512 sum = _mm512_mul_ps(_mm512_load_ps(state.weights[first + r]), _mm512_set1_ps(shrink[r]));
    for (std::size_t v = 0; v < key_vectors; ++v) {
      const __m512 weight = exp2(_mm512_sub_ps(scores[r * key_vectors + v], _mm512_set1_ps(largest[r])), Number::exp2);
      sum = _mm512_add_ps(sum, weight);
      Number::store_row(weights[r], v * lanes, weight);
    }
    _mm512_store_ps(state.weights[first + r], sum);
  }

  constexpr std::size_t vectors = width / lanes;
  __m512 sums[rows_at_once * vectors];
  for (std::size_t r = 0; r < rows_at_once; ++r) {
    rows[r] = weights[r];
    for (std::size_t v = 0; v < vectors; ++v) {
      sums[r * vectors + v] =
          _mm512_mul_ps(_mm512_load_ps(state.values[first + r] + v * lanes), _mm512_set1_ps(shrink[r]));
    }
  }
  avx512::accumulate<typename Number::Step, vectors>(sums, rows, values, keys_of_block / Number::depth);
  for (std::size_t r = 0; r < rows_at_once; ++r) {
    for (std::size_t v = 0; v < vectors; ++v) {
      _mm512_store_ps(state.values[first + r] + v * lanes, sums[r * vectors + v]);
    }
  }
}

template <typename Number, std::size_t width>
void attend_width(const float* q, std::size_t stride, std::size_t queries, float scale, const void* keys,
                  const void* values, std::size_t key_count, float* out) {
  constexpr float log2_e = 1.4426950408889634F;
  constexpr std::size_t block_bytes = keys_of_block * width * element<Number>;
  alignas(64) char packed[queries_of_task * width * element<Number>];
  State<width> state;
  // Six rows are worked on at once; those that are missing are zeros.
  const std::size_t rows = (queries + rows_at_once - 1) / rows_at_once * rows_at_once;
  for (std::size_t r = 0; r < rows; ++r) {
    state.largest[r] = std::numeric_limits<float>::lowest();
    _mm512_store_ps(state.weights[r], _mm512_setzero_ps());
    for (std::size_t i = 0; i < width; i += lanes) {
      const __m512 query = r < queries ? _mm512_loadu_ps(q + r * stride + i) : _mm512_setzero_ps();
      Number::store_row(packed + r * width * element<Number>, i, _mm512_mul_ps(query, _mm512_set1_ps(scale * log2_e)));
      _mm512_store_ps(state.values[r] + i, _mm512_setzero_ps());
    }
  }
  for (std::size_t key = 0; key < key_count; key += keys_of_block) {
    const std::size_t offset = key / keys_of_block * block_bytes;
    for (std::size_t row = 0; row < rows; row += rows_at_once) {
      attend_block<Number, width>(packed, static_cast<const char*>(keys) + offset,
                                  static_cast<const char*>(values) + offset, std::min(keys_of_block, key_count - key),
                                  state, row);
    }
  }
  for (std::size_t r = 0; r < queries; ++r) {
    const __m512 whole = _mm512_set1_ps(1.0F / _mm512_reduce_add_ps(_mm512_load_ps(state.weights[r])));
    for (std::size_t i = 0; i < width; i += lanes) {
      _mm512_storeu_ps(out + r * stride + i, _mm512_mul_ps(_mm512_load_ps(state.values[r] + i), whole));
    }
  }
}

template <typename Number>
void attend(const float* q, std::size_t stride, std::size_t queries, float scale, const void* keys, const void* values,
            std::size_t key_count, std::size_t width, float* out) {
  const auto run = width == 64   ? attend_width<Number, 64>
                   : width == 32 ? attend_width<Number, 32>
                                 : attend_width<Number, 16>;
  run(q, stride, queries, scale, keys, values, key_count, out);
}

template <typename Number>
constexpr Kernels kernels{element<Number>, pack_keys<Number>, pack_values<Number>, attend<Number>};

}  // namespace
}  // namespace diffbir::runtime::attention

#pragma GCC pop_options
#pragma GCC diagnostic pop

namespace diffbir::runtime::attention {

const Kernels* float_kernels() noexcept { return has_avx512() ? &kernels<Float> : nullptr; }
const Kernels* bfloat16_kernels() noexcept { return has_avx512_bf16() ? &kernels<Bfloat16> : nullptr; }

}  // namespace diffbir::runtime::attention

#else

namespace diffbir::runtime::attention {

const Kernels* float_kernels() noexcept { return nullptr; }
const Kernels* bfloat16_kernels() noexcept { return nullptr; }

}  // namespace diffbir::runtime::attention

#endif
