#include "core/cpu.h"
#include "runtime/attention/kernel.h"

#if DIFFBIR_HAS_AVX512

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"  // GCC 12 says so of its own intrinsics
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include <algorithm>
#include <limits>

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl")

#include "runtime/avx512.h"

namespace diffbir::runtime::attention {
namespace {

using avx512::lanes;

constexpr std::size_t rows_at_once = 6;
constexpr std::size_t key_vectors = keys_of_block / lanes;

/// 2^x to 2e-9.
constexpr float exp2_coefficients[] = {
    0.00015370705F, 0.0013399848F, 0.0096183736F, 0.05550329F, 0.24022648F, 0.69314718F, 1};

std::size_t block_bytes(std::size_t width) { return keys_of_block * width * sizeof(float); }

/// Channel after channel, all keys side by side.
void pack_keys(const float* keys, const float*, std::size_t stride, std::size_t count, std::size_t width,
               void* packed) {
  auto* out = static_cast<float*>(packed);
  const __m512i places = _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                                            _mm512_set1_epi32(static_cast<int>(stride)));
  for (std::size_t i = 0; i < width; ++i) {
    for (std::size_t first = 0; first < keys_of_block; first += lanes, out += lanes) {
      const __mmask16 mask = avx512::first_lanes(count - std::min(count, first));
      _mm512_storeu_ps(out, _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, places, keys + first * stride + i, 4));
    }
  }
}

void pack_values(const float* values, std::size_t stride, std::size_t count, std::size_t width, void* packed) {
  auto* out = static_cast<float*>(packed);
  for (std::size_t key = 0; key < keys_of_block; ++key, out += width) {
    for (std::size_t i = 0; i < width; i += lanes) {
      _mm512_storeu_ps(out + i, key < count ? _mm512_loadu_ps(values + key * stride + i) : _mm512_setzero_ps());
    }
  }
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
template <std::size_t width>
inline __attribute__((always_inline)) void attend_block(const float* q, const float* keys, const float* values,
                                                        std::size_t count, State<width>& state, std::size_t first) {
  const void* rows[rows_at_once];
  for (std::size_t r = 0; r < rows_at_once; ++r) rows[r] = q + (first + r) * width;
  __m512 scores[rows_at_once * key_vectors];
  for (auto& score : scores) score = _mm512_setzero_ps();
  avx512::accumulate<avx512::FloatStep, key_vectors>(scores, rows, keys, width);

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
  _mm512_store_ps(shrink,
                  avx512::exp2(_mm512_sub_ps(_mm512_load_ps(before), _mm512_load_ps(largest)), exp2_coefficients));

  alignas(64) float weights[rows_at_once][keys_of_block];
  for (std::size_t r = 0; r < rows_at_once; ++r) {
    __m512 sum = _mm512_mul_ps(_mm512_load_ps(state.weights[first + r]), _mm512_set1_ps(shrink[r]));
    for (std::size_t v = 0; v < key_vectors; ++v) {
      const __m512 weight =
          avx512::exp2(_mm512_sub_ps(scores[r * key_vectors + v], _mm512_set1_ps(largest[r])), exp2_coefficients);
      sum = _mm512_add_ps(sum, weight);
      _mm512_store_ps(weights[r] + v * lanes, weight);
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
  avx512::accumulate<avx512::FloatStep, vectors>(sums, rows, values, keys_of_block);
  for (std::size_t r = 0; r < rows_at_once; ++r) {
    for (std::size_t v = 0; v < vectors; ++v) {
      _mm512_store_ps(state.values[first + r] + v * lanes, sums[r * vectors + v]);
    }
  }
}

template <std::size_t width>
void attend_width(const float* q, std::size_t stride, std::size_t queries, float scale, const void* keys,
                  const void* values, std::size_t key_count, float* out) {
  constexpr float log2_e = 1.4426950408889634F;
  alignas(64) float packed[queries_of_task * width];
  State<width> state;
  // Six rows are worked on at once; those that are missing are zeros.
  const std::size_t rows = (queries + rows_at_once - 1) / rows_at_once * rows_at_once;
  for (std::size_t r = 0; r < rows; ++r) {
    state.largest[r] = std::numeric_limits<float>::lowest();
    _mm512_store_ps(state.weights[r], _mm512_setzero_ps());
    for (std::size_t i = 0; i < width; i += lanes) {
      const __m512 query = r < queries ? _mm512_loadu_ps(q + r * stride + i) : _mm512_setzero_ps();
      _mm512_store_ps(packed + r * width + i, _mm512_mul_ps(query, _mm512_set1_ps(scale * log2_e)));
      _mm512_store_ps(state.values[r] + i, _mm512_setzero_ps());
    }
  }
  for (std::size_t key = 0; key < key_count; key += keys_of_block) {
    const std::size_t offset = key * width;
    for (std::size_t row = 0; row < rows; row += rows_at_once) {
      attend_block<width>(packed, static_cast<const float*>(keys) + offset, static_cast<const float*>(values) + offset,
                          std::min(keys_of_block, key_count - key), state, row);
    }
  }
  for (std::size_t r = 0; r < queries; ++r) {
    const __m512 whole = _mm512_set1_ps(1.0F / _mm512_reduce_add_ps(_mm512_load_ps(state.weights[r])));
    for (std::size_t i = 0; i < width; i += lanes) {
      _mm512_storeu_ps(out + r * stride + i, _mm512_mul_ps(_mm512_load_ps(state.values[r] + i), whole));
    }
  }
}

void attend(const float* q, std::size_t stride, std::size_t queries, float scale, const void* keys, const void* values,
            std::size_t key_count, std::size_t width, float* out) {
  const auto run = width == 64 ? attend_width<64> : width == 32 ? attend_width<32> : attend_width<16>;
  run(q, stride, queries, scale, keys, values, key_count, out);
}

}  // namespace
}  // namespace diffbir::runtime::attention

#pragma GCC pop_options
#pragma GCC diagnostic pop

namespace diffbir::runtime::attention {

const Kernels* float_kernels() noexcept {
  static constexpr Kernels kernels{block_bytes, false, pack_keys, pack_values, attend};
  return has_avx512() ? &kernels : nullptr;
}

}  // namespace diffbir::runtime::attention

#else

namespace diffbir::runtime::attention {

const Kernels* float_kernels() noexcept { return nullptr; }

}  // namespace diffbir::runtime::attention

#endif
