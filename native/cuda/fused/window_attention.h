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

/// How many there are. A picture has `windows` of `tokens` each; heads are `width` wide, an even number.
struct WindowSizes {
  std::int64_t pictures, windows, tokens, heads, width;

  DIFFBIR_HOST_DEVICE std::int64_t channels() const { return heads * width; }
};

/// Heads that are wider have no kernel: their queries and results would not stay in registers.
constexpr std::int64_t widest_window_head = 32;

/// What it reads. A token's queries, keys and values lie one behind the other, head after head in each.
struct WindowInput {
  const HalfPair* qkv;        // [pictures windows tokens, 3 channels], without their bias
  const Half* bias;           // [3 channels]
  const Half* table;          // [heads, tokens, tokens], added to what a query and a key give
  const float* mask;          // [windows, tokens, tokens], added too, or null
  const std::int64_t* order;  // [windows tokens]: where in its picture each window's tokens lie; null: as they are
};

/// One query of one head: index ((window * heads) + head) * tokens + query. The keys' bias adds the same to all that a
/// softmax compares, and is left out.
template <int pairs>
struct WindowAttention {
  WindowInput in;
  WindowSizes sizes;
  HalfPair* out;  // [pictures windows tokens, channels], each token at its query's place

  DIFFBIR_HOST_DEVICE std::int64_t place(std::int64_t window, std::int64_t token) const {
    const std::int64_t picture = window / sizes.windows * sizes.windows * sizes.tokens;
    const std::int64_t in_picture = window % sizes.windows * sizes.tokens + token;
    return picture + (in.order == nullptr ? in_picture : in.order[in_picture]);
  }

  /// 0: queries, 1: keys, 2: values.
  DIFFBIR_HOST_DEVICE const HalfPair* part(std::int64_t at, std::int64_t head, int which) const {
    return in.qkv + ((3 * at + which) * sizes.channels() + head * sizes.width) / 2;
  }

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t query = i % sizes.tokens;
    const std::int64_t head = i / sizes.tokens % sizes.heads;
    const std::int64_t window = i / (sizes.tokens * sizes.heads);
    const std::int64_t at = place(window, query);
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
    const Half* const table = in.table + (head * sizes.tokens + query) * sizes.tokens;
    const float* const mask =
        in.mask == nullptr ? nullptr : in.mask + (window % sizes.windows * sizes.tokens + query) * sizes.tokens;
    float highest = std::numeric_limits<float>::lowest();  // no infinity: a mask's would make differences of NaN
    float sum = 0;
    for (std::int64_t key = 0; key < sizes.tokens; ++key) {
      const std::int64_t other = place(window, key);
      const HalfPair* const keys = part(other, head, 1);
      float logits[2] = {to_float(table[key]), mask == nullptr ? 0.0F : mask[key]};
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
bool window_attention(const Launch& launch, const WindowInput& in, const WindowSizes& sizes, HalfPair* out) {
  if constexpr (2 * pairs <= widest_window_head) {
    if (sizes.width != 2 * pairs) return window_attention<pairs + 1>(launch, in, sizes, out);
    launch(sizes.pictures * sizes.windows * sizes.heads * sizes.tokens, WindowAttention<pairs>{in, sizes, out});
    return true;
  }
  return false;
}

}  // namespace diffbir::bodies
