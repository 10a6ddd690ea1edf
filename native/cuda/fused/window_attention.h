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

struct alignas(8) TwoFloats {
  float values[2];
};

struct alignas(16) FourFloats {
  TwoFloats twos[2];

  DIFFBIR_HOST_DEVICE float operator[](int i) const { return twos[i / 2].values[i % 2]; }
};

/// How many there are: in all pictures `windows` of `tokens` each; heads are `width` wide, an even number.
struct WindowSizes {
  std::int64_t windows, tokens, heads, width;

  DIFFBIR_HOST_DEVICE std::int64_t channels() const { return heads * width; }
};

/// Heads that are wider have no kernel: their queries and results would not stay in registers.
constexpr std::int64_t widest_window_head = 32;

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

// Constants, since device code cannot call std::numeric_limits.
constexpr float lowest_logit = std::numeric_limits<float>::lowest();
constexpr float no_logit = -std::numeric_limits<float>::infinity();

/// Queries of a block, one a thread, and keys that it has at hand at once.
constexpr int window_block = 64;

/// A block of queries of one head in one window: index ((window * heads) + head) * blocks of a window + block. Its
/// threads bring keys and values into memory that they share, as float32, and each goes through them with its query and
/// its result in registers. The keys' bias adds the same to all that a softmax compares, and is left out.
template <int pairs>
struct WindowAttention {
  static constexpr int width = 2 * pairs;
  static constexpr int fours = (width + 3) / 4;
  /// Keys whose sums are independent of each other, so that none waits for the one before.
  static constexpr int at_once = 4;
  /// Threads that bring a row, a pair each.
  static constexpr int lanes = 16;
  static_assert(pairs <= lanes && window_block % at_once == 0 && window_block % lanes == 0);

  struct Shared {
    FourFloats keys[window_block][fours];
    FourFloats values[window_block][fours];
    HalfPair own[window_block][pairs | 1];  // queries, then results; odd, so that threads read from different banks
    std::int64_t own_places[window_block];
    std::int64_t places[window_block];  // of the keys
    int regions[window_block];
  };

  /// What a thread knows of its query.
  struct Query {
    float scaled[width];
    float result[width];
    float highest;
    float sum;
    int region;
  };

  WindowInput in;
  WindowSizes sizes;
  WindowShift shift;
  HalfPair* out;  // [windows tokens, channels], each token at its query's place

  /// Block: `shared` memory, and together(f), which has each thread do f(thread, query) before any goes on.
  template <typename Block>
  DIFFBIR_HOST_DEVICE void operator()(std::uint32_t index, Block& block) const {
    const auto blocks = static_cast<std::uint32_t>((sizes.tokens + window_block - 1) / window_block);
    const auto heads = static_cast<std::uint32_t>(sizes.heads);
    const std::int64_t first = index % blocks * window_block;
    const std::int64_t head = index / blocks % heads;
    const std::int64_t window = index / blocks / heads;
    const Work work{window, head, first, sizes.tokens - first};
    for (std::int64_t key = 0; key < sizes.tokens; key += window_block) {
      block.together([&](int thread, Query& query) { find(work, key, thread, query, block.shared); });
      block.together([&](int thread, Query&) { bring(work, key, thread, block.shared); });
      block.together([&](int thread, Query& query) { attend(work, key, thread, query, block.shared); });
    }
    block.together([&](int thread, Query& query) { conclude(work, thread, query, block.shared); });
    block.together([&](int thread, Query&) { store(work, thread, block.shared); });
  }

 private:
  /// A block's window, head and first query, and how many there are from there on.
  struct Work {
    std::int64_t window, head, first, queries;
  };

  /// Where the tokens lie.
  DIFFBIR_HOST_DEVICE void find(const Work& work, std::int64_t first_key, int thread, Query& query,
                                Shared& shared) const {
    if (first_key == 0 && thread < work.queries) {
      const auto spot = shift.spot(work.window, sizes.tokens, work.first + thread);
      shared.own_places[thread] = spot.place;
      query.region = spot.region;
    }
    if (first_key + thread < sizes.tokens) {
      const auto spot = shift.spot(work.window, sizes.tokens, first_key + thread);
      shared.places[thread] = spot.place;
      shared.regions[thread] = spot.region;
    }
  }

  DIFFBIR_HOST_DEVICE void bring(const Work& work, std::int64_t first_key, int thread, Shared& shared) const {
    const int pair = thread % lanes;
    if (pair >= pairs) return;
    const std::int64_t at = work.head * pairs + pair;
    const std::int64_t part = sizes.channels() / 2;
    for (int row = thread / lanes; row < window_block; row += window_block / lanes) {
      HalfPair key{};  // zeros where there is none: a weight of zero does not make a number of everything
      HalfPair value{};
      if (first_key + row < sizes.tokens) {
        const HalfPair* const token = in.qkv + 3 * part * shared.places[row] + at;
        key = token[part];
        value = token[2 * part];
      }
      shared.keys[row][pair / 2].twos[pair % 2] = {to_float(key.values[0]), to_float(key.values[1])};
      shared.values[row][pair / 2].twos[pair % 2] = {to_float(value.values[0]), to_float(value.values[1])};
      if (first_key == 0 && row < work.queries) shared.own[row][pair] = in.qkv[3 * part * shared.own_places[row] + at];
    }
  }

  DIFFBIR_HOST_DEVICE void begin(const Work& work, int thread, Query& query, const Shared& shared) const {
    const float scale = 1.0F / std::sqrt(static_cast<float>(width));
    const Half* const bias = in.bias + work.head * width;
    for (int k = 0; k < pairs; ++k) {
      const HalfPair pair = shared.own[thread][k];
      for (int c = 0; c < 2; ++c) {
        query.scaled[2 * k + c] = (to_float(pair.values[c]) + to_float(bias[2 * k + c])) * scale;
        query.result[2 * k + c] = 0;
      }
    }
    query.highest = lowest_logit;  // no infinity: that of `masked` would make differences of NaN
    query.sum = 0;
  }

  DIFFBIR_HOST_DEVICE void attend(const Work& work, std::int64_t first_key, int thread, Query& query,
                                  const Shared& shared) const {
    if (thread >= work.queries) return;
    if (first_key == 0) begin(work, thread, query, shared);
    const Half* table = in.table + (work.head * sizes.tokens + first_key) * sizes.tokens + work.first + thread;
    const std::int64_t left = sizes.tokens - first_key;
    const int count = left < window_block ? static_cast<int>(left) : window_block;
    for (int key = 0; key < count; key += at_once) {
      float added[at_once];  // to products that do not wait for it
      for (int j = 0; j < at_once; ++j, table += sizes.tokens) {
        added[j] = key + j < count ? to_float(*table) : no_logit;
        if (shift.side != 0 && shared.regions[key + j] != query.region) added[j] += shift.masked;
      }
      float weights[at_once] = {};
      for (int k = 0; k < fours; ++k) {
        for (int j = 0; j < at_once; ++j) {
          const FourFloats four = shared.keys[key + j][k];
          for (int c = 0; c < 4 && 4 * k + c < width; ++c) {
            weights[j] = std::fma(query.scaled[4 * k + c], four[c], weights[j]);
          }
        }
      }
      float highest = query.highest;
      for (int j = 0; j < at_once; ++j) {
        weights[j] += added[j];
        highest = weights[j] > highest ? weights[j] : highest;
      }
      if (highest > query.highest) {
        const float correction = std::exp(query.highest - highest);
        for (float& value : query.result) value *= correction;
        query.sum *= correction;
        query.highest = highest;
      }
      for (float& weight : weights) {
        weight = std::exp(weight - highest);
        query.sum += weight;
      }
      for (int k = 0; k < fours; ++k) {
        for (int j = 0; j < at_once; ++j) {
          const FourFloats four = shared.values[key + j][k];
          for (int c = 0; c < 4 && 4 * k + c < width; ++c) {
            float& result = query.result[4 * k + c];
            result = std::fma(weights[j], four[c], result);
          }
        }
      }
    }
  }

  DIFFBIR_HOST_DEVICE void conclude(const Work& work, int thread, const Query& query, Shared& shared) const {
    if (thread >= work.queries) return;
    const float share = 1.0F / query.sum;
    const Half* const bias = in.bias + 2 * sizes.channels() + work.head * width;
    for (int k = 0; k < pairs; ++k) {
      HalfPair pair;
      for (int c = 0; c < 2; ++c) {
        pair.values[c] = from_float<Half>(std::fma(query.result[2 * k + c], share, to_float(bias[2 * k + c])));
      }
      shared.own[thread][k] = pair;
    }
  }

  DIFFBIR_HOST_DEVICE void store(const Work& work, int thread, const Shared& shared) const {
    const int pair = thread % lanes;
    if (pair >= pairs) return;
    const int rows = work.queries < window_block ? static_cast<int>(work.queries) : window_block;
    for (int row = thread / lanes; row < rows; row += window_block / lanes) {
      out[sizes.channels() / 2 * shared.own_places[row] + work.head * pairs + pair] = shared.own[row][pair];
    }
  }
};

/// Blocks one after the other, and of each its threads, half of them upwards and half downwards: who reads what another
/// one writes between two calls of together() goes wrong here, too.
struct BlocksOnHost {
  template <typename Body>
  struct Block {
    typename Body::Shared shared{};
    typename Body::Query queries[window_block] = {};

    template <typename F>
    void together(const F& f) {
      for (int thread = 0; thread < window_block; thread += 2) f(thread, queries[thread]);
      for (int thread = window_block - 1; thread > 0; thread -= 2) f(thread, queries[thread]);
    }
  };

  template <typename Body>
  void operator()(std::int64_t blocks, const Body& body) const {
    for (std::int64_t index = 0; index < blocks; ++index) {
      Block<Body> block;
      body(static_cast<std::uint32_t>(index), block);
    }
  }
};

/// Of every query. Whether there is a kernel for heads of this width.
template <int pairs = 1, typename Launch>
bool window_attention(const Launch& launch, const WindowInput& in, const WindowSizes& sizes, const WindowShift& shift,
                      HalfPair* out) {
  if constexpr (2 * pairs <= widest_window_head) {
    if (sizes.width != 2 * pairs) return window_attention<pairs + 1>(launch, in, sizes, shift, out);
    const std::int64_t blocks = (sizes.tokens + window_block - 1) / window_block;
    launch(sizes.windows * sizes.heads * blocks, WindowAttention<pairs>{in, sizes, shift, out});
    return true;
  }
  return false;
}

}  // namespace diffbir::bodies
