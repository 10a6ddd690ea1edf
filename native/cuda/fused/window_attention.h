#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "cuda/half.h"

/// Attention inside windows of tokens (Liu et al. 2021, section 3.2): softmax(q k^T / sqrt(width) + table (+ mask)) v.
namespace diffbir::bodies {

struct alignas(4) HalfPair {
  Half values[2];
};

/// How many there are: in all pictures `windows` of `tokens` each; heads are `width` wide, an even number.
struct WindowSizes {
  std::int64_t windows, tokens, heads, width;

  DIFFBIR_HOST_DEVICE std::int64_t channels() const { return heads * width; }
};

/// Heads that are wider have no kernel: their queries and results would not stay in registers.
constexpr std::int64_t widest_window_head = 32;

/// A constant, since device code cannot call std::numeric_limits.
constexpr float lowest = std::numeric_limits<float>::lowest();

/// What it reads. A token's queries, keys and values lie one behind the other, head after head in each.
struct WindowInput {
  const HalfPair* qkv;  // [windows tokens, 3 channels], without their bias
  const Half* bias;     // [3 channels]
  const Half* table;    // [heads, keys, queries], added to what a query and a key give
};

/// Windows that are shifted by half their side, of tokens that lie in plain windows. The shift is cyclic: in the last
/// windows down and across, tokens from opposite ends of a picture meet.
struct WindowShift {
  std::int64_t side;          // of a window, in tokens; 0: nothing is shifted
  std::int64_t down, across;  // windows of a picture
  float masked;               // added to what tokens give that do not come from the same region

  /// Where a token of a shifted window lies, and which of the regions of its window it comes from.
  struct Spot {
    std::int64_t place;
    int region;
  };
  DIFFBIR_HOST_DEVICE Spot spot(std::int64_t window, std::int64_t tokens, std::int64_t token) const {
    if (side == 0) return {window * tokens + token, 0};
    // In 32 bits: to divide in 64 takes long.
    const auto length = static_cast<std::uint32_t>(side);
    const auto rows = static_cast<std::uint32_t>(down);
    const auto columns = static_cast<std::uint32_t>(across);
    const std::uint32_t row = static_cast<std::uint32_t>(window) / columns % rows;
    const std::uint32_t column = static_cast<std::uint32_t>(window) % columns;
    const std::uint32_t first = static_cast<std::uint32_t>(window) - row * columns - column;  // of the picture
    const std::uint32_t y = static_cast<std::uint32_t>(token) / length + length / 2;
    const std::uint32_t x = static_cast<std::uint32_t>(token) % length + length / 2;
    const bool is_below = y >= length;
    const bool is_right = x >= length;
    const bool is_last_row = row + 1 == rows;
    const bool is_last_column = column + 1 == columns;
    const std::uint32_t in_row = !is_below ? row : is_last_row ? 0 : row + 1;
    const std::uint32_t in_column = !is_right ? column : is_last_column ? 0 : column + 1;
    const std::uint32_t in_window = (is_below ? y - length : y) * length + (is_right ? x - length : x);
    return {(first + in_row * columns + in_column) * tokens + in_window,
            (is_last_row && is_below ? 2 : 0) + (is_last_column && is_right ? 1 : 0)};
  }
};

/// One query of one head: index ((window * heads) + head) * tokens + query. The keys' bias adds the same to all that a
/// softmax compares, and is left out.
template <int pairs>
struct WindowAttention {
  WindowInput in;
  WindowSizes sizes;
  WindowShift shift;
  HalfPair* out;  // [windows tokens, channels], each token at its query's place

  /// 0: queries, 1: keys, 2: values.
  DIFFBIR_HOST_DEVICE const HalfPair* part(std::int64_t at, std::int64_t head, int which) const {
    return in.qkv + ((3 * at + which) * sizes.channels() + head * sizes.width) / 2;
  }

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t query = i % sizes.tokens;
    const std::int64_t head = i / sizes.tokens % sizes.heads;
    const std::int64_t window = i / (sizes.tokens * sizes.heads);
    const auto [at, region] = shift.spot(window, sizes.tokens, query);
    const Half* const bias = in.bias + head * sizes.width;
    const float scale = 1.0F / std::sqrt(static_cast<float>(sizes.width));
    float q[2 * pairs];
    float result[2 * pairs];
    const HalfPair* const queries = part(at, head, 0);
    for (int k = 0; k < pairs; ++k) {
      const HalfPair pair = queries[k];
      for (int c = 0; c < 2; ++c) {
        q[2 * k + c] = (to_float(pair.values[c]) + to_float(bias[2 * k + c])) * scale;
        result[2 * k + c] = 0;
      }
    }
    const Half* const table = in.table + head * sizes.tokens * sizes.tokens + query;
    float highest = lowest;  // no infinity: that of `masked` would make differences of NaN
    float sum = 0;
    for (std::int64_t key = 0; key < sizes.tokens; ++key) {
      const auto [other, other_region] = shift.spot(window, sizes.tokens, key);
      const HalfPair* const keys = part(other, head, 1);
      float logits[2] = {to_float(table[key * sizes.tokens]), region == other_region ? 0.0F : shift.masked};
      for (int k = 0; k < pairs; ++k) {
        const HalfPair pair = keys[k];
        for (int c = 0; c < 2; ++c) logits[c] += q[2 * k + c] * to_float(pair.values[c]);
      }
      const float logit = logits[0] + logits[1];
      if (logit > highest) {
        const float correction = std::exp(highest - logit);
        for (float& value : result) value *= correction;
        sum *= correction;
        highest = logit;
      }
      const float weight = std::exp(logit - highest);
      sum += weight;
      const HalfPair* const values = part(other, head, 2);
      for (int k = 0; k < pairs; ++k) {
        const HalfPair pair = values[k];
        for (int c = 0; c < 2; ++c) result[2 * k + c] += weight * to_float(pair.values[c]);
      }
    }
    HalfPair* const to = out + (at * sizes.channels() + head * sizes.width) / 2;
    for (int k = 0; k < pairs; ++k) {
      HalfPair pair;
      for (int c = 0; c < 2; ++c) {
        const float of_values = to_float(bias[2 * sizes.channels() + 2 * k + c]);
        pair.values[c] = from_float<Half>(result[2 * k + c] / sum + of_values);
      }
      to[k] = pair;
    }
  }
};

/// Of every query. Whether there is a kernel for heads of this width.
template <int pairs = 1, typename Launch>
bool window_attention(const Launch& launch, const WindowInput& in, const WindowSizes& sizes, const WindowShift& shift,
                      HalfPair* out) {
  if constexpr (2 * pairs <= widest_window_head) {
    if (sizes.width != 2 * pairs) return window_attention<pairs + 1>(launch, in, sizes, shift, out);
    launch(sizes.windows * sizes.heads * sizes.tokens, WindowAttention<pairs>{in, sizes, shift, out});
    return true;
  }
  return false;
}

}  // namespace diffbir::bodies
