// Feature maps in NHWC, which the networks see as NCHW, and nodes that wait for the one that uses them.

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <numeric>
#include <utility>

#include "graph/builder.h"

namespace diffbir::graph {
namespace {

const std::vector<std::int64_t> last_to_first{0, 3, 1, 2};
const std::vector<std::int64_t> first_to_last{0, 2, 3, 1};
constexpr std::int64_t rest = -1;     // Reshape: whatever is left
constexpr std::int64_t as_it_is = 0;  // Reshape: as before

/// Those for which BiasAdd has kernels of their own: its general one is slower than what it would save on feature maps.
constexpr std::array<std::int64_t, 3> bias_add_widths{320, 640, 1280};

}  // namespace

Value Builder::later(Pending::Kind kind, std::vector<Value> inputs, const std::vector<Attribute>& attributes) {
  const Value x{fresh_name("later"), inputs.front().element};
  pending_.emplace(x.name, Pending{kind, std::move(inputs), attributes});
  return x;
}

const Builder::Pending* Builder::pending(const Value& x, Pending::Kind kind) const {
  const auto found = pending_.find(x.name);
  return found != pending_.end() && found->second.kind == kind ? &found->second : nullptr;
}

void Builder::settle(const Value& x) {
  if (const auto bias = biases_.find(x.name); bias != biases_.end() && parameters_.insert(x.name).second) {
    add_constant(x.name, bias->second, x.element);
  }
  const auto found = pending_.extract(x.name);
  if (found.empty()) return;
  const auto& [kind, inputs, attributes] = found.mapped();
  switch (kind) {
    case Pending::Kind::nchw:
      return add_node("Transpose", inputs, {x}, {{"perm", last_to_first}}, "");
    case Pending::Kind::image:
      return add_node("Reshape", {inputs[0], op("Shape", {inputs[1]})}, {x}, {}, "");
    case Pending::Kind::conv:
      return add_node("NhwcConv", inputs, {x}, attributes, "com.microsoft");
    case Pending::Kind::bias:
    case Pending::Kind::per_channel:
      return add_node("Add", inputs, {x}, {}, "");
    case Pending::Kind::sum:
    case Pending::Kind::residual:
      return add_sum(kind, inputs, x);
  }
}

Value Builder::to_nhwc(const Value& x) {
  const auto found = nhwc_.find(x.name);
  if (found != nhwc_.end()) return found->second;
  const Value y = op("Transpose", {x}, {{"perm", first_to_last}});
  nhwc_.emplace(x.name, y);
  return y;
}

Value Builder::from_nhwc(const Value& x) {
  const Value y = later(Pending::Kind::nchw, {x});
  nhwc_.emplace(y.name, x);
  return y;
}

Value Builder::concat_maps(const Value& x, std::int64_t channels, const Value& y, std::int64_t more_channels) {
  const std::int64_t width = std::gcd(channels, more_channels);
  std::vector<Value> parts;
  const auto add_parts = [&](const Value& map, std::int64_t count) {
    if (!fuses(&Fusions::equal_concat) || count == 1) return parts.push_back(map);
    const bool is_last = is_nhwc(map);
    for (const Value& part : split(is_last ? to_nhwc(map) : map, static_cast<std::size_t>(count), is_last ? 3 : 1)) {
      parts.push_back(is_last ? from_nhwc(part) : part);
    }
  };
  add_parts(x, channels / width);
  add_parts(y, more_channels / width);
  return concat(parts, 1);
}

Value Builder::bias_of(const Module& m, const std::string& weight, const std::string& bias, Element element) {
  const WeightView view = checked(m, bias, {m.size(weight, 0)});
  const Value value{parameter_name(m.key(bias), element), element};
  biases_.try_emplace(value.name, view.shape, view.to_float32());
  return value;
}

std::pair<Value, Value> Builder::without_bias(const Value& x) {
  if (const Pending* added = pending(x, Pending::Kind::bias)) return {added->inputs[0], added->inputs[1]};
  if (const Pending* conv = pending(x, Pending::Kind::conv); conv && conv->inputs.size() == 3) {
    const auto [kind, inputs, attributes] = *conv;  // a copy: op() changes what they lie in
    const Value product = op("NhwcConv", {inputs[0], inputs[1]}, attributes, "com.microsoft");
    // Whoever else wants x has the product already.
    pending_.insert_or_assign(x.name, Pending{Pending::Kind::bias, {product, inputs[2]}});
    return {product, inputs[2]};
  }
  return {x, {""}};
}

std::int64_t Builder::pending_bias(const Value& x) const {
  const Pending* added = pending(x, Pending::Kind::bias);
  const Pending* conv = pending(x, Pending::Kind::conv);
  if (conv && conv->inputs.size() == 3) added = conv;
  return added ? biases_.at(added->inputs.back().name).dim(0) : 0;
}

Value Builder::with_bias(const Value& x, const Value& bias) {
  return bias.name.empty() ? x : later(Pending::Kind::bias, {x, bias});
}

Builder::Addends Builder::addends(const std::vector<Value>& inputs) {
  const auto [other, first] = without_bias(inputs[0]);
  const auto [value, second] = without_bias(inputs[1]);
  if (first.name.empty() || second.name.empty()) return {other, value, first.name.empty() ? second : first};
  Tensor both = biases_.at(first.name);
  std::ranges::transform(both.values(), biases_.at(second.name).values(), both.data(), std::plus<>());
  return {other, value, constant(both, first.element)};
}

Builder::Addends Builder::take_sum(const Value& x) {
  const auto node = pending_.extract(x.name);
  return addends(node.mapped().inputs);
}

void Builder::add_sum(Pending::Kind kind, const std::vector<Value>& inputs, const Value& x) {
  const bool is_image = kind == Pending::Kind::sum;
  const std::int64_t width = std::max(pending_bias(inputs[0]), pending_bias(inputs[1]));
  const bool has_kernel = is_image ? std::ranges::count(bias_add_widths, width) == 1 : width > 0;
  if (!fuses(&Fusions::bias_add) || !has_kernel) return add_node("Add", inputs, {x}, {}, "");
  const auto [other, value, bias] = addends(inputs);
  if (!is_image) return add_node("BiasAdd", {value, bias, other}, {x}, {}, "com.microsoft");
  const auto tokens = [&](const Value& image) {
    const Pending* reshaped = pending(image, Pending::Kind::image);
    return reshaped ? reshaped->inputs[0] : reshape(image, {as_it_is, rest, width});
  };
  const Value sum = op("BiasAdd", {tokens(value), bias, tokens(other)}, {}, "com.microsoft");
  const Value& like = pending(other, Pending::Kind::image) ? value : other;
  add_node("Reshape", {sum, op("Shape", {like})}, {x}, {}, "");
}

Value Builder::feature_map(const Value& x) {
  if (fuses(&Fusions::nhwc)) to_nhwc(x);
  return x;
}

}  // namespace diffbir::graph
