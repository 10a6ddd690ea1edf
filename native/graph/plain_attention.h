#pragma once

#include <cstdint>

#include "graph/builder.h"

namespace diffbir::graph {

/// Builder::attention in operators of the ONNX standard. Heads are `width` wide; 0: the graph finds out.
Value plain_attention(Builder& b, const Value& q, const Value& k, const Value& v, std::int64_t heads, bool causal,
                      std::int64_t width = 0);

/// 1 / sqrt(size of the last axis of x), a tensor [1].
Value inverse_sqrt_width(Builder& b, const Value& x);

}  // namespace diffbir::graph
