#include "core/cpu.h"
#include "runtime/attention/kernel.h"

#if DIFFBIR_HAS_AVX512

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"  // GCC 12 says so of its own intrinsics
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")

#include "runtime/avx512.h"

namespace diffbir::runtime::attention {
namespace {

using avx512::lanes;

constexpr std::size_t rows_at_once = 6;
constexpr std::size_t depth = 4;  // bytes that one step multiplies
constexpr std::size_t key_vectors = keys_of_block / lanes;
constexpr float largest_byte = 127;
constexpr int query_offset = 128;  // makes signed bytes of queries unsigned ones
constexpr std::size_t widest = 64;

/// Scores are compared in parts of an octave, so that the weight of a distance can be looked up. The last of the
/// table's 256 distances is the first whose weight is no more than half a byte's step.
constexpr float parts_of_octave = 28;

/// 2^x to 2e-9: how the blocks of keys compare.
constexpr float block_exp2[] = {0.00015370705F, 0.0013399848F, 0.0096183736F, 0.05550329F, 0.24022648F, 0.69314718F, 1};

/// What lies before the bytes of a block.
struct Header {
  float scales[std::max(keys_of_block, widest)];  // of each key, or of each channel of the values
  std::int32_t starts[keys_of_block];             // of a key's scores: takes query_offset off again
  float broken;                                   // NaN where a number was not finite, else 0
};
constexpr std::size_t header_bytes = (sizeof(Header) + 63) / 64 * 64;

struct Scaled {
  float scale;  // of signed bytes; 0 where nothing can be said of them
  float inverse;
  float broken;
};

Scaled scale_of(float magnitude) {
  const float broken = magnitude * 0.0F;  // NaN of infinity
  if (!(magnitude > 0) || broken != 0) return {0, 0, broken};
  return {magnitude / largest_byte, largest_byte / magnitude, 0};
}

/// A key or a query, `width` of them, as it is before it becomes bytes.
template <typename Value>
Scaled scale_of_row(std::size_t width, const Value& value) {
  __m512 magnitude = _mm512_setzero_ps();
  __m512 broken = _mm512_setzero_ps();
  for (std::size_t i = 0; i < width; i += lanes) {
    magnitude = _mm512_max_ps(magnitude, _mm512_abs_ps(value(i)));
    broken = _mm512_fmadd_ps(value(i), _mm512_setzero_ps(), broken);
  }
  Scaled scaled = scale_of(_mm512_reduce_max_ps(magnitude));
  scaled.broken += _mm512_reduce_add_ps(broken);
  return scaled;
}

struct alignas(64) Powers {
  std::uint8_t bytes[256];

  Powers() {
    for (int i = 0; i < 256; ++i) {
      bytes[i] = static_cast<std::uint8_t>(std::lround(255 * std::exp2(static_cast<float>(-i) / parts_of_octave)));
    }
  }
};

/// 255 * 2^(-distance / parts_of_octave), rounded, of distances of one byte.
class PowerTable {
 public:
  PowerTable() {
    static const Powers powers;
    for (int part = 0; part < 4; ++part) parts_[part] = _mm512_load_si512(powers.bytes + 64 * part);
  }
  __m512i operator()(__m512i distances) const {
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(distances),
                                  _mm512_permutex2var_epi8(parts_[0], distances, parts_[1]),
                                  _mm512_permutex2var_epi8(parts_[2], distances, parts_[3]));
  }

 private:
  __m512i parts_[4];
};

/// The largest number of each register, in their order; zeros behind them.
inline __m512 largest_of(const __m512 (&rows)[rows_at_once]) {
  const auto halves = [](__m512 a, __m512 b) {  // eight numbers of a, then eight of b
    return _mm512_max_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xEE));
  };
  const auto quarters = [](__m512 a, __m512 b) {
    return _mm512_max_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
  };
  const auto ones = [](__m512 four) {
    const __m512 two = _mm512_max_ps(four, _mm512_permute_ps(four, 0x4E));
    return _mm512_max_ps(two, _mm512_permute_ps(two, 0xB1));
  };
  const __m512 last = halves(rows[4], rows[5]);
  const __m512i places = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 16, 12, 8, 4, 0);
  return _mm512_maskz_permutex2var_ps(avx512::first_lanes(rows_at_once),
                                      ones(quarters(halves(rows[0], rows[1]), halves(rows[2], rows[3]))), places,
                                      ones(quarters(last, last)));
}

/// Where the weights of a row of scores are when four registers of them have been packed to bytes: step s has those of
/// four neighbouring keys, the first of them this one.
constexpr std::size_t first_key(std::size_t step) { return step % key_vectors * lanes + step / key_vectors * depth; }

inline __m512i round(__m512 value, __m512 inverse) { return _mm512_cvtps_epi32(_mm512_mul_ps(value, inverse)); }

std::size_t block_bytes(std::size_t width) { return header_bytes + keys_of_block * width; }

/// Step after step, of each key `depth` neighbouring bytes.
void pack_keys(const float* keys, const float* centre, std::size_t stride, std::size_t count, std::size_t width,
               void* packed) {
  auto& header = *static_cast<Header*>(packed);
  auto* bytes = static_cast<std::int8_t*>(packed) + header_bytes;
  header = {};
  std::memset(bytes, 0, keys_of_block * width);
  for (std::size_t key = 0; key < count; ++key) {
    const auto value = [&](std::size_t i) {
      return _mm512_sub_ps(_mm512_loadu_ps(keys + key * stride + i), _mm512_loadu_ps(centre + i));
    };
    const Scaled scaled = scale_of_row(width, value);
    header.scales[key] = scaled.scale;
    header.broken += scaled.broken;
    __m512i sum = _mm512_setzero_si512();
    for (std::size_t i = 0; i < width; i += lanes) {
      const __m512i rounded = round(value(i), _mm512_set1_ps(scaled.inverse));
      sum = _mm512_add_epi32(sum, rounded);
      alignas(16) std::int8_t row[lanes];
      _mm_store_si128(reinterpret_cast<__m128i*>(row), _mm512_cvtepi32_epi8(rounded));
      for (std::size_t d = 0; d < lanes; d += depth) {
        std::memcpy(bytes + ((i + d) / depth * keys_of_block + key) * depth, row + d, depth);
      }
    }
    header.starts[key] = -query_offset * _mm512_reduce_add_epi32(sum);
  }
}

/// Step after step, of `depth` values each byte, in the order of first_key().
void pack_values(const float* values, std::size_t stride, std::size_t count, std::size_t width, void* packed) {
  auto& header = *static_cast<Header*>(packed);
  auto* bytes = static_cast<std::int8_t*>(packed) + header_bytes;
  header = {};
  for (std::size_t i = 0; i < width; i += lanes) {
    const auto value = [&](std::size_t key) {
      return key < count ? _mm512_loadu_ps(values + key * stride + i) : _mm512_setzero_ps();
    };
    __m512 magnitude = _mm512_setzero_ps();
    __m512 broken = _mm512_setzero_ps();
    for (std::size_t key = 0; key < count; ++key) {
      magnitude = _mm512_max_ps(magnitude, _mm512_abs_ps(value(key)));
      broken = _mm512_fmadd_ps(value(key), _mm512_setzero_ps(), broken);
    }
    const __mmask16 some = _mm512_cmp_ps_mask(magnitude, _mm512_setzero_ps(), _CMP_GT_OQ) &
                           _mm512_cmp_ps_mask(magnitude, _mm512_set1_ps(std::numeric_limits<float>::max()), _CMP_LE_OQ);
    const __m512 inverse = _mm512_maskz_div_ps(some, _mm512_set1_ps(largest_byte), magnitude);
    _mm512_storeu_ps(header.scales + i, _mm512_maskz_mul_ps(some, magnitude, _mm512_set1_ps(1 / largest_byte)));
    header.broken += _mm512_reduce_add_ps(broken);
    for (std::size_t step = 0; step < keys_of_block / depth; ++step) {
      __m512i four = _mm512_setzero_si512();
      for (std::size_t d = 0; d < depth; ++d) {
        const __m512i byte = _mm512_and_si512(round(value(first_key(step) + d), inverse), _mm512_set1_epi32(0xFF));
        four = _mm512_or_si512(four, _mm512_sllv_epi32(byte, _mm512_set1_epi32(static_cast<int>(8 * d))));
      }
      _mm512_storeu_si512(bytes + (step * width + i) * depth, four);
    }
  }
}

/// Queries on their way through the blocks of keys: the largest score so far, and the sums of weights and of weighted
/// values relative to it.
template <std::size_t width>
struct State {
  alignas(64) float largest[queries_of_task + lanes];
  alignas(64) float weights[queries_of_task][lanes];
  alignas(64) float values[queries_of_task][width];
  alignas(64) float scales[queries_of_task + lanes];  // of the queries' bytes
  float broken[queries_of_task];
};

/// The keys of a register that the block has.
inline __mmask16 present(std::size_t count, std::size_t vector) {
  return avx512::first_lanes(count - std::min(count, vector * lanes));
}

/// The scores of six queries with one block of keys, then their weights relative to the largest of the block, so that
/// a block far below others has bytes as good as theirs; then the weighted values.
template <std::size_t width>
inline __attribute__((always_inline)) void attend_block(const std::uint8_t* q, const char* keys, const char* values,
                                                        std::size_t count, const PowerTable& table, State<width>& state,
                                                        std::size_t first) {
  const auto& key_header = *reinterpret_cast<const Header*>(keys);
  const auto& value_header = *reinterpret_cast<const Header*>(values);
  const void* rows[rows_at_once];
  for (std::size_t r = 0; r < rows_at_once; ++r) rows[r] = q + (first + r) * width;
  alignas(64) float scores[rows_at_once][keys_of_block];
  __m512 high[rows_at_once];
  {
    __m512i products[rows_at_once * key_vectors];
    avx512::unrolled<rows_at_once * key_vectors>([&]<std::size_t i>() __attribute__((always_inline)) {
      products[i] = _mm512_loadu_si512(key_header.starts + i % key_vectors * lanes);
    });
    avx512::accumulate<avx512::ByteStep, key_vectors>(products, rows, keys + header_bytes, width / depth);
    avx512::unrolled<rows_at_once * key_vectors>([&]<std::size_t i>() __attribute__((always_inline)) {
      constexpr std::size_t r = i / key_vectors;
      constexpr std::size_t v = i % key_vectors;
      __m512 score = _mm512_mul_ps(_mm512_cvtepi32_ps(products[i]), _mm512_loadu_ps(key_header.scales + v * lanes));
      if (count < keys_of_block) score = _mm512_mask_blend_ps(present(count, v), _mm512_set1_ps(-1e30F), score);
      _mm512_store_ps(scores[r] + v * lanes, score);
      high[r] = v == 0 ? score : _mm512_max_ps(high[r], score);
    });
  }

  // Of the queries, side by side.
  const auto power_of_two = [](__m512 parts) {
    return avx512::exp2(_mm512_mul_ps(parts, _mm512_set1_ps(1 / parts_of_octave)), block_exp2);
  };
  const __m512 of_block = _mm512_mul_ps(largest_of(high), _mm512_loadu_ps(state.scales + first));
  const __m512 before = _mm512_loadu_ps(state.largest + first);
  const __m512 largest = _mm512_max_ps(before, of_block);
  _mm512_mask_storeu_ps(state.largest + first, avx512::first_lanes(rows_at_once), largest);
  alignas(64) float blocks[lanes];
  alignas(64) float shrinks[lanes];
  alignas(64) float grows[lanes];
  _mm512_store_ps(blocks, of_block);
  _mm512_store_ps(shrinks, power_of_two(_mm512_sub_ps(before, largest)));
  _mm512_store_ps(grows, power_of_two(_mm512_sub_ps(of_block, largest)));

  alignas(64) std::uint8_t weights[rows_at_once][keys_of_block];
  const __m512 farthest = _mm512_set1_ps(255);
  for (std::size_t r = 0; r < rows_at_once; ++r) {
    __m512i distances[key_vectors];
    for (std::size_t v = 0; v < key_vectors; ++v) {
      const __m512 distance = _mm512_fnmadd_ps(_mm512_load_ps(scores[r] + v * lanes),
                                               _mm512_set1_ps(state.scales[first + r]), _mm512_set1_ps(blocks[r]));
      distances[v] =
          _mm512_cvtps_epi32(count < keys_of_block ? _mm512_mask_min_ps(farthest, present(count, v), distance, farthest)
                                                   : _mm512_min_ps(distance, farthest));
    }
    const __m512i bytes = table(_mm512_packus_epi16(_mm512_packs_epi32(distances[0], distances[1]),
                                                    _mm512_packs_epi32(distances[2], distances[3])));
    _mm512_store_si512(weights[r], bytes);
    const __m512 total = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(_mm512_setzero_si512(), bytes, _mm512_set1_epi8(1)));
    const __m512 weight = _mm512_mul_ps(_mm512_load_ps(state.weights[first + r]), _mm512_set1_ps(shrinks[r]));
    _mm512_store_ps(state.weights[first + r], _mm512_fmadd_ps(total, _mm512_set1_ps(grows[r]), weight));
  }

  constexpr std::size_t vectors = width / lanes;
  __m512i sums[rows_at_once * vectors];
  for (std::size_t r = 0; r < rows_at_once; ++r) rows[r] = weights[r];
  avx512::unrolled<rows_at_once * vectors>([&]<std::size_t i>()
                                               __attribute__((always_inline)) { sums[i] = _mm512_setzero_si512(); });
  avx512::accumulate<avx512::ByteStep, vectors>(sums, rows, values + header_bytes, keys_of_block / depth);
  avx512::unrolled<rows_at_once * vectors>([&]<std::size_t i>() __attribute__((always_inline)) {
    constexpr std::size_t r = i / vectors;
    constexpr std::size_t channel = i % vectors * lanes;
    float* value = state.values[first + r] + channel;
    const __m512 shrunk = _mm512_mul_ps(_mm512_load_ps(value), _mm512_set1_ps(shrinks[r]));
    const __m512 scale = _mm512_mul_ps(_mm512_loadu_ps(value_header.scales + channel), _mm512_set1_ps(grows[r]));
    _mm512_store_ps(value, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[i]), scale, shrunk));
  });
}

template <std::size_t width>
void attend_width(const float* q, std::size_t stride, std::size_t queries, float scale, const void* keys,
                  const void* values, std::size_t key_count, float* out) {
  constexpr float units = 1.4426950408889634F * parts_of_octave;
  alignas(64) std::uint8_t packed[queries_of_task * width];
  const PowerTable table;
  State<width> state;
  // Rows that are missing are zeros.
  const std::size_t rows = (queries + rows_at_once - 1) / rows_at_once * rows_at_once;
  for (std::size_t r = 0; r < rows; ++r) {
    const auto value = [&](std::size_t i) {
      return r < queries ? _mm512_loadu_ps(q + r * stride + i) : _mm512_setzero_ps();
    };
    const Scaled scaled = scale_of_row(width, value);
    state.scales[r] = scaled.scale * scale * units;
    state.broken[r] = scaled.broken;
    state.largest[r] = std::numeric_limits<float>::lowest();
    _mm512_store_ps(state.weights[r], _mm512_setzero_ps());
    for (std::size_t i = 0; i < width; i += lanes) {
      const __m512i rounded = round(value(i), _mm512_set1_ps(scaled.inverse));
      _mm_store_si128(reinterpret_cast<__m128i*>(packed + r * width + i),
                      _mm512_cvtepi32_epi8(_mm512_add_epi32(rounded, _mm512_set1_epi32(query_offset))));
      _mm512_store_ps(state.values[r] + i, _mm512_setzero_ps());
    }
  }
  float broken = 0;
  for (std::size_t key = 0; key < key_count; key += keys_of_block) {
    const char* block_keys = static_cast<const char*>(keys) + key / keys_of_block * block_bytes(width);
    const char* block_values = static_cast<const char*>(values) + key / keys_of_block * block_bytes(width);
    broken +=
        reinterpret_cast<const Header*>(block_keys)->broken + reinterpret_cast<const Header*>(block_values)->broken;
    for (std::size_t row = 0; row < rows; row += rows_at_once) {
      attend_block<width>(packed, block_keys, block_values, std::min(keys_of_block, key_count - key), table, state,
                          row);
    }
  }
  for (std::size_t r = 0; r < queries; ++r) {
    const float weights = _mm512_reduce_add_ps(_mm512_load_ps(state.weights[r]));
    const __m512 whole = _mm512_set1_ps(1.0F / weights + broken + state.broken[r]);
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

const Kernels* byte_kernels() noexcept {
  static constexpr Kernels kernels{block_bytes, true, pack_keys, pack_values, attend};
  return has_avx512_vnni() && has_avx512_vbmi() ? &kernels : nullptr;
}

}  // namespace diffbir::runtime::attention

#else

namespace diffbir::runtime::attention {

const Kernels* byte_kernels() noexcept { return nullptr; }

}  // namespace diffbir::runtime::attention

#endif
