// Feature maps in NHWC, which the networks see as NCHW, and nodes that wait for the one that uses them.

#include <utility>

#include "graph/builder.h"

namespace diffbir::graph {
namespace {

const std::vector<std::int64_t> last_to_first{0, 3, 1, 2};
const std::vector<std::int64_t> first_to_last{0, 2, 3, 1};

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
  const auto found = pending_.extract(x.name);
  if (found.empty()) return;
  const auto& [kind, inputs, attributes] = found.mapped();
  switch (kind) {
    case Pending::Kind::nchw:
      return add_node("Transpose", inputs, {x}, {{"perm", last_to_first}}, "");
    case Pending::Kind::conv:
      return add_node("NhwcConv", inputs, {x}, attributes, "com.microsoft");
    case Pending::Kind::bias:
      return add_node("Add", inputs, {x}, {}, "");
    case Pending::Kind::residual:
      if (fuses(&Fusions::bias_add)) {
        const auto [product, bias] = without_bias(inputs[1]);
        if (!bias.name.empty()) return add_node("BiasAdd", {product, bias, inputs[0]}, {x}, {}, "com.microsoft");
      }
      [[fallthrough]];
    case Pending::Kind::sum:
      return add_node("Add", inputs, {x}, {}, "");
  }
}

Value Builder::sum(Pending::Kind kind, const Value& a, const Value& b) {
  const bool is_first = pending(a, Pending::Kind::bias) || pending(a, Pending::Kind::conv);
  return is_first ? later(kind, {b, a}) : later(kind, {a, b});
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

std::pair<Value, Value> Builder::without_bias(const Value& x) {
  if (const Pending* added = pending(x, Pending::Kind::bias)) return {added->inputs[0], added->inputs[1]};
  if (const Pending* conv = pending(x, Pending::Kind::conv); conv && conv->inputs.size() == 3) {
    const auto [kind, inputs, attributes] = *conv;  // a copy: op() changes what they lie in
    return {op("NhwcConv", {inputs[0], inputs[1]}, attributes, "com.microsoft"), inputs[2]};
  }
  return {x, {""}};
}

Builder::Addends Builder::take_sum(const Value& x) {
  const auto node = pending_.extract(x.name);
  const auto& inputs = node.mapped().inputs;
  const auto [value, bias] = without_bias(inputs[1]);
  return {inputs[0], value, bias};
}

Value Builder::feature_map(const Value& x) {
  if (fuses(&Fusions::nhwc)) to_nhwc(x);
  return x;
}

}  // namespace diffbir::graph
