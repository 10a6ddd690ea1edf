#pragma once

#include <cstdint>
#include <optional>

#include "graph/builder.h"

namespace diffbir::graph {

/// Builder::attention in operators of the ONNX standard. Heads are `width` wide; 0: the graph finds out.
Value plain_attention(Builder& b, const Value& q, const Value& k, const Value& v, std::int64_t heads, bool causal,
                      std::int64_t width = 0);

/// Attention part by part along its queries: all logits at once would be 17 GB for the autoencoder of a picture of
/// 2048 x 2048. Parts are equal, with zeros at the end where need be: Split refuses numbers for which its first parts
/// leave nothing for the last.
class QueryParts {
 public:
  /// q [B,L,C].
  QueryParts(Builder& b, const Value& q);
  /// x [B,L,...] -> parts.
  std::vector<Value> split(const Value& x) const;
  /// Parts -> [B,L,...], without the zeros.
  Value join(const std::vector<Value>& parts) const;

 private:
  Builder& b_;
  Value queries_;
  Value missing_;
};

/// What the tokens of shifted windows may not look at: [nW, 1, tokens, tokens] in float32, for each of some pictures.
struct WindowMask {
  Value mask;
  Size pictures;
};

/// Attention inside windows: softmax(q k^T / sqrt(channels / heads) + table (+ mask)) v. qkv [B nW, tokens, 3
/// channels], ordered q, k, v and heads within each; table [heads, tokens, tokens] -> [B nW, tokens, channels].
Value plain_window_attention(Builder& b, const Value& qkv, const Value& table, const WindowShape& shape,
                             const std::optional<WindowMask>& mask);

/// 1 / sqrt(size of the last axis of x), a tensor [1].
Value inverse_sqrt_width(Builder& b, const Value& x);

}  // namespace diffbir::graph
