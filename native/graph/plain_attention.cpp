#include "graph/plain_attention.h"

#include <cmath>
#include <limits>

namespace diffbir::graph {
namespace {

constexpr std::int64_t onnx_float = 1;  // onnx.TensorProto.DataType
constexpr std::int64_t rest = -1;       // Reshape: whatever is left
constexpr std::int64_t as_it_is = 0;    // Reshape: as before
constexpr std::int64_t query_parts = 8;

/// [L,S]: minus infinity where a token would look at a later one, else 0.
Value causal_mask(Builder& b, const Value& logits) {
  const Value size = b.op("Shape", {logits}, {{"start", std::int64_t{2}}});
  const Value masked = b.constant(Tensor({1}, {-std::numeric_limits<float>::infinity()}), Element::float32);
  return b.op("Trilu", {b.op("Expand", {masked, size}), b.integers({1})}, {{"upper", std::int64_t{1}}});
}

}  // namespace

Value plain_attention(Builder& b, const Value& q, const Value& k, const Value& v, std::int64_t heads, bool causal,
                      std::int64_t width) {
  const auto split = [&](const Value& x, const std::vector<std::int64_t>& order) {
    return b.transpose(b.reshape(x, {as_it_is, as_it_is, heads, rest}), order);
  };
  const Value per_head = b.to_float32(split(q, {0, 2, 1, 3}));
  const Value keys = b.to_float32(split(k, {0, 2, 3, 1}));
  const Value scale = width == 0
                          ? inverse_sqrt_width(b, per_head)
                          : b.constant(Tensor({1}, {1.0F / std::sqrt(static_cast<float>(width))}), Element::float32);
  Value logits = b.matmul(b.mul(per_head, scale), keys);
  if (causal) logits = b.add(logits, causal_mask(b, logits));
  const Value attended = b.matmul(b.to_working(b.softmax(logits)), split(v, {0, 2, 1, 3}));
  return b.reshape_like(b.transpose(attended, {0, 2, 1, 3}), q);
}

QueryParts::QueryParts(Builder& b, const Value& q)
    : b_(b),
      queries_(std::get<Value>(b.dim(q, 1))),
      missing_(b.op("Mod", {b.op("Neg", {queries_}), b.integers({query_parts})})) {}

std::vector<Value> QueryParts::split(const Value& x) const {
  const Value pads = b_.concat({b_.integers({0, 0, 0, 0}), missing_, b_.integers({0})}, 0);
  return b_.split(b_.op("Pad", {x, pads}), query_parts, 1);
}

Value QueryParts::join(const std::vector<Value>& parts) const {
  return b_.op("Slice", {b_.concat(parts, 1), b_.integers({0}), queries_, b_.integers({1})});
}

Value plain_window_attention(Builder& b, const Value& qkv, const Value& table, const WindowShape& shape,
                             const std::optional<WindowMask>& mask) {
  const auto [side, heads, channels] = shape;
  const std::int64_t tokens = side * side;
  const std::int64_t head_size = channels / heads;
  const Value split_heads = b.reshape(qkv, {rest, tokens, std::int64_t{3}, heads, head_size});
  const auto parts = b.split(b.transpose(split_heads, {2, 0, 3, 1, 4}), 3, 0);
  const auto head = [&](const Value& part) { return b.reshape(part, {rest, heads, tokens, head_size}); };
  const Value q = b.scale(b.to_float32(head(parts[0])), 1.0F / std::sqrt(static_cast<float>(head_size)));
  const Value k_transposed = b.to_float32(b.transpose(head(parts[1]), {0, 1, 3, 2}));

  Value logits = b.add(b.matmul(q, k_transposed), b.to_float32(table));
  if (mask) {
    const Value per_window = b.reshape(logits, {mask->pictures, rest, heads, tokens, tokens});
    logits = b.reshape(b.add(per_window, mask->mask), {rest, heads, tokens, tokens});
  }
  const Value attended = b.matmul(b.to_working(b.softmax(logits)), head(parts[2]));
  return b.reshape(b.transpose(attended, {0, 2, 1, 3}), {rest, tokens, channels});
}

Value inverse_sqrt_width(Builder& b, const Value& x) {
  const Value width = b.op("Cast", {std::get<Value>(b.dim(x, -1))}, {{"to", onnx_float}});
  return b.op("Reciprocal", {b.op("Sqrt", {width})});
}

}  // namespace diffbir::graph
