#pragma once

#include <cstdint>
#include <vector>

#include "graph/builder.h"
#include "graph/windows.h"

namespace diffbir::nets {

/// For each pair of tokens p, q of a window, (yp - yq + window - 1) (2 window - 1) + (xp - xq + window - 1): where
/// their relative position stands in a flattened table of (2 window - 1)^2 entries. Row-major, window^4 numbers.
std::vector<std::int64_t> relative_position_index(std::int64_t window);

/// Throws Error(model_mismatch), which names the file, unless there are heads and they divide the channels of m.
void require_heads(const graph::Module& m, std::int64_t channels, std::int64_t heads);

/// How many heads there are, and how many channels in all of them.
struct Heads {
  std::int64_t count, channels;
};

/// softmax(q k^T / sqrt(C / heads) + bias (+ mask)) v inside each window: qkv [B nW, window^2, 3 C], ordered q, k, v
/// and heads within each -> [B nW, window^2, C]. The bias is that of relative_position_index() in `table`
/// [(2 window - 1)^2, heads]. Of shifted windows the tokens are in their order, but with Builder::has_window_kernel()
/// in that of plain windows.
graph::Value window_attention(graph::Builder& b, graph::Windows& windows, const graph::Value& qkv,
                              const graph::Value& table, const Heads& heads, bool shifted);

/// [B, C, H, W] <-> [B, H, W, C]
inline graph::Value to_nhwc(graph::Builder& b, const graph::Value& x) { return b.transpose(x, {0, 2, 3, 1}); }
inline graph::Value to_nchw(graph::Builder& b, const graph::Value& x) { return b.transpose(x, {0, 3, 1, 2}); }

}  // namespace diffbir::nets
