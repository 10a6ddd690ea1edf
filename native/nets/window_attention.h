#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "graph/builder.h"

namespace diffbir::nets {

/// How a feature map x [B, h, w, C] is cut into square windows (Liu et al. 2021, section 3.2); SwinIR and SCUNet share
/// it.
struct WindowGrid {
  std::int64_t window;     // side in tokens
  graph::Size batch;       // B
  graph::Size width;       // w
  graph::Size across;      // w / window
  graph::Value attn_mask;  // [nW, 1, window^2, window^2], for shifted windows, in float32
};

/// [B, h, w, C] -> [B nW, window^2, C], windows row-major.
graph::Value window_partition(graph::Builder& b, const WindowGrid& grid, const graph::Value& x, std::int64_t channels);

/// The inverse.
graph::Value window_reverse(graph::Builder& b, const WindowGrid& grid, const graph::Value& windows,
                            std::int64_t channels);

/// torch.roll by `shift` along rows and columns of [B, h, w, C].
graph::Value roll(graph::Builder& b, graph::Value x, std::int64_t shift);

/// Where each token of windows that are shifted by half their side stands among those of plain windows, and the way
/// back: [h w] numbers each, in the order of window_partition().
struct WindowOrders {
  graph::Value shifted;
  graph::Value plain;
};
WindowOrders window_orders(graph::Builder& b, const WindowGrid& grid, const graph::Size& height);

/// Tokens in windows [B nW, window^2, C] in another order.
graph::Value reordered(graph::Builder& b, const WindowGrid& grid, const graph::Value& windows,
                       const graph::Value& order, std::int64_t channels);

/// For each pair of tokens p, q of a window, (yp - yq + window - 1) (2 window - 1) + (xp - xq + window - 1): where
/// their relative position stands in a flattened table of (2 window - 1)^2 entries. Row-major, window^4 numbers.
std::vector<std::int64_t> relative_position_index(std::int64_t window);

/// Throws Error(model_mismatch), which names the file, unless there are heads and they divide the channels of m.
void require_heads(const graph::Module& m, std::int64_t channels, std::int64_t heads);

/// softmax(q k^T / sqrt(C / heads) + bias (+ mask)) v inside each window: qkv [B nW, window^2, 3 C], ordered q, k, v
/// and heads within each; bias [heads, window^2, window^2] -> [B nW, window^2, C]. With Builder::has_window_kernel()
/// tokens of shifted windows may lie in another order, which is then given, and stay where they lie.
graph::Value window_attention(graph::Builder& b, const WindowGrid& grid, const graph::Value& qkv,
                              const graph::Value& bias, std::int64_t heads, std::int64_t channels, bool shifted,
                              const graph::Value* order = nullptr);

/// Mask of shifted-window attention for h x w tokens: [h w / window^2, 1, window^2, window^2], 0 where two tokens come
/// from the same region of the unshifted map, else `masked` (added to the logits).
Tensor shifted_window_mask(std::int64_t h, std::int64_t w, std::int64_t window, float masked);

/// [B, C, H, W] <-> [B, H, W, C]
inline graph::Value to_nhwc(graph::Builder& b, const graph::Value& x) { return b.transpose(x, {0, 2, 3, 1}); }
inline graph::Value to_nchw(graph::Builder& b, const graph::Value& x) { return b.transpose(x, {0, 3, 1, 2}); }

}  // namespace diffbir::nets
