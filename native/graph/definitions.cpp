#include "graph/definitions.h"

#include <numbers>
#include <optional>
#include <set>
#include <variant>

#include "core/error.h"
#include "graph/plain_attention.h"
#include "graph/windows.h"

namespace diffbir::graph {
namespace {

using Attributes = std::vector<Builder::Attribute>;

template <typename T>
T attribute(const Attributes& attributes, const std::string& name) {
  for (const auto& [key, value] : attributes) {
    if (key == name) return std::get<T>(value);
  }
  throw Error(ErrorCode::internal, "Expected an attribute " + name);
}

bool is_given(const std::vector<Value>& inputs, std::size_t index) {
  return index < inputs.size() && !inputs[index].name.empty();
}

using Order = std::vector<std::int64_t>;

Value to_nchw(Builder& b, const Value& x) { return b.op("Transpose", {x}, {{"perm", Order{0, 3, 1, 2}}}); }
Value to_nhwc(Builder& b, const Value& x) { return b.op("Transpose", {x}, {{"perm", Order{0, 2, 3, 1}}}); }

Value nhwc_conv(Builder& b, const std::vector<Value>& inputs, const Attributes& attributes) {
  std::vector<Value> nchw{to_nchw(b, inputs[0]), to_nchw(b, inputs[1])};
  if (is_given(inputs, 2)) nchw.push_back(inputs[2]);
  return to_nhwc(b, b.op("Conv", nchw, attributes));
}

/// Statistics, scale and activation in float32, as the kernel has them.
Value group_norm(Builder& b, const Value& x, const std::vector<Value>& inputs, const Attributes& attributes) {
  Value y = b.op("GroupNormalization", {b.to_float32(to_nchw(b, x)), inputs[1], inputs[2]},
                 {{"num_groups", attribute<std::int64_t>(attributes, "groups")},
                  {"epsilon", attribute<float>(attributes, "epsilon")}});
  if (attribute<std::int64_t>(attributes, "activation") == 1) y = b.mul(y, b.op("Sigmoid", {y}));
  return to_nhwc(b, x.element == Element::float32 ? y : b.to_working(y));
}

/// In float32 too, with the statistics of all tiles.
Value tile_group_norm(Builder& b, const std::vector<Value>& inputs, const Attributes& attributes) {
  const Value x = b.to_float32(to_nchw(b, inputs[0]));
  const Value y = to_nhwc(b, b.op("GroupNorm", {x, inputs[1], inputs[2], inputs[3]}, attributes, "diffbir"));
  return inputs[0].element == Element::float32 ? y : b.to_working(y);
}

Value layer_norm(Builder& b, const Value& x, const std::vector<Value>& inputs, const Attributes& attributes) {
  return b.op("LayerNormalization", {x, inputs[1], inputs[2]},
              {{"axis", std::int64_t{-1}}, {"epsilon", attribute<float>(attributes, "epsilon")}});
}

/// x + bias + skip.
Value sum(Builder& b, const Value& x, const Value& skip, const Value* bias) {
  return b.op("Add", {bias ? b.op("Add", {x, *bias}) : x, skip});
}

Value bias_split_gelu(Builder& b, const Value& x, const Value& bias) {
  const auto halves = b.split(b.op("Add", {x, bias}), 2, -1);
  const auto number = [&](float value) { return b.constant(Tensor({1}, {value}), x.element); };
  const Value erf = b.op("Erf", {b.mul(halves[1], number(std::numbers::sqrt2_v<float> / 2))});
  const Value gelu = b.mul(b.mul(halves[1], b.op("Add", {erf, number(1)})), number(0.5F));
  return b.mul(halves[0], gelu);
}

Value packed_attention(Builder& b, const Value& q, const Value& packed, std::int64_t heads) {
  std::vector<Value> kv;
  for (const Value& part : b.split(packed, 2, 3)) {
    kv.push_back(b.reshape(part, {std::int64_t{0}, std::int64_t{0}, std::int64_t{-1}}));
  }
  return plain_attention(b, q, kv[0], kv[1], heads, /*causal=*/false);
}

/// Shifts the windows, and back.
Value window_attention(Builder& b, const std::vector<Value>& inputs, const Attributes& attributes) {
  const WindowShape shape{attribute<std::int64_t>(attributes, "side"), attribute<std::int64_t>(attributes, "heads"),
                          attribute<std::int64_t>(attributes, "channels")};
  const Value qkv = b.op("Add", {inputs[0], inputs[1]});
  const Value table = b.op("Transpose", {inputs[2]}, {{"perm", Order{0, 2, 1}}});
  if (!is_given(inputs, 3)) return plain_window_attention(b, qkv, table, shape, std::nullopt);
  const auto sides = b.split(inputs[3], 2, 0);
  const Size pictures = b.op("Div", {std::get<Value>(b.dim(qkv, 0)), b.mul(sides[0], sides[1])});
  const auto in_tokens = [&](const Value& side) { return b.mul(side, b.integers({shape.side})); };
  const WindowGrid grid{shape.side, pictures, in_tokens(sides[0]), in_tokens(sides[1]), sides[1]};
  Windows windows(b, grid, attribute<float>(attributes, "masked"));
  const Value shifted = windows.shifted(qkv, 3 * shape.channels);
  const WindowMask mask{windows.mask(), pictures};
  return windows.shifted_back(plain_window_attention(b, shifted, table, shape, mask), shape.channels);
}

Value controlled_concat(Builder& b, const std::vector<Value>& inputs) {
  Value x = inputs[0];
  for (std::size_t added = 4; added < inputs.size(); ++added) x = b.op("Add", {x, inputs[added]});
  const Value batch = std::get<Value>(b.dim(inputs[1], 0));
  const Value skip = b.repeat(inputs[1], b.op("Div", {std::get<Value>(b.dim(inputs[0], 0)), batch}), 4);
  const Value controlled = b.op("Add", {skip, b.mul(inputs[2], inputs[3])});
  return b.op("Concat", {x, controlled}, {{"axis", std::int64_t{3}}});
}

}  // namespace

bool is_defined(const std::string& type, const std::vector<Value>& inputs, const std::string& domain) {
  static const std::set<std::string> types{"NhwcConv", "GroupNorm", "SkipGroupNorm", "BiasSplitGelu", "BiasAdd"};
  if (domain == "diffbir") return type == "NhwcGroupNorm" || type.starts_with("Fused");
  if (domain != "com.microsoft") return false;
  return types.contains(type) || (type == "MultiHeadAttention" && inputs.size() == 2);  // packed
}

std::vector<Value> definition(Builder& b, const std::string& type, const std::vector<Value>& inputs,
                              const Attributes& attributes) {
  if (type == "NhwcConv") return {nhwc_conv(b, inputs, attributes)};
  if (type == "FusedWindowAttention") return {window_attention(b, inputs, attributes)};
  if (type == "FusedControlledConcat") return {controlled_concat(b, inputs)};
  if (type == "NhwcGroupNorm") return {tile_group_norm(b, inputs, attributes)};
  const bool is_sum = is_given(inputs, 3);
  if (type == "GroupNorm" || (type == "FusedGroupNorm" && !is_sum)) {
    return {group_norm(b, inputs[0], inputs, attributes)};
  }
  if (type == "FusedLayerNorm" && !is_sum) return {layer_norm(b, inputs[0], inputs, attributes)};
  if (type == "SkipGroupNorm" || type == "FusedGroupNorm" || type == "FusedLayerNorm") {
    const Value s = sum(b, inputs[0], inputs[3], is_given(inputs, 4) ? &inputs[4] : nullptr);
    const auto normalize = type == "FusedLayerNorm" ? layer_norm : group_norm;
    const Value y = normalize(b, s, inputs, attributes);
    if (type == "FusedGroupNorm" && attribute<std::int64_t>(attributes, "stores_sum") == 0) return {y};
    return {y, s};
  }
  if (type == "BiasSplitGelu" || type == "FusedGeglu") return {bias_split_gelu(b, inputs[0], inputs[1])};
  if (type == "BiasAdd") return {sum(b, inputs[0], inputs[2], &inputs[1])};
  return {packed_attention(b, inputs[0], inputs[1], attribute<std::int64_t>(attributes, "num_heads"))};
}

}  // namespace diffbir::graph
