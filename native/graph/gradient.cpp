#include "graph/gradient.h"

#include <map>
#include <string>
#include <utility>

#include "core/error.h"
#include "graph/plain_attention.h"

namespace diffbir::graph {
namespace {

constexpr const char* microsoft = "com.microsoft";
constexpr std::int64_t as_it_is = 0;  // Reshape: as before
constexpr std::int64_t rest = -1;     // Reshape: whatever is left

/// a b, the last two axes of either exchanged where asked.
Value matmul(Builder& b, const Value& x, bool transpose_x, const Value& y, bool transpose_y) {
  return b.op("FusedMatMul", {x, y}, {{"transA", std::int64_t{transpose_x}}, {"transB", std::int64_t{transpose_y}}},
              microsoft);
}

/// ReduceMean or ReduceSum, [...,N] -> [...,1].
Value over_last_axis(Builder& b, const char* type, const Value& x) {
  return b.op(type, {x, b.integers({-1})}, {{"keepdims", std::int64_t{1}}});
}

/// Weights [out, in, kh, kw] -> [in, out, kh, kw], every kernel turned by half a turn.
Tensor turned(const WeightView& weight) {
  const auto outputs = static_cast<std::size_t>(weight.shape[0]);
  const auto inputs = static_cast<std::size_t>(weight.shape[1]);
  const auto area = static_cast<std::size_t>(weight.shape[2] * weight.shape[3]);
  const std::vector<float> values = weight.to_float32();
  Tensor result({weight.shape[1], weight.shape[0], weight.shape[2], weight.shape[3]});
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t i = 0; i < inputs; ++i) {
      const float* from = values.data() + (o * inputs + i) * area;
      float* to = result.data() + (i * outputs + o) * area;
      for (std::size_t k = 0; k < area; ++k) to[k] = from[area - 1 - k];
    }
  }
  return result;
}

}  // namespace

void Tape::record(const Value& output, std::vector<Value> inputs, PullBack pull_back) {
  layers_.push_back({output, std::move(inputs), std::move(pull_back)});
}

Value Tape::gradient(Builder& b, const Value& output, const Value& seed, const Value& input) const {
  std::map<std::string, Value> gradients{{output.name, seed}};
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    // Whoever uses a layer's output comes after it, so that its gradient is complete here.
    const auto found = gradients.extract(layer->output.name);
    if (found.empty()) continue;
    const std::vector<Value> parts = layer->pull_back(b, found.mapped());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto [entry, is_first] = gradients.try_emplace(layer->inputs[i].name, parts[i]);
      if (!is_first) entry->second = b.add(entry->second, parts[i]);
    }
  }
  const auto found = gradients.find(input.name);
  if (found == gradients.end() || gradients.size() != 1) {
    throw Error(ErrorCode::internal, "A layer between " + input.name + " and " + output.name + " has no gradient");
  }
  return found->second;
}

Value conv_gradient(Builder& b, const Value& gradient, const Module& m, const std::vector<std::int64_t>& padding) {
  const std::vector<std::int64_t> kernel{m.size("weight", 2), m.size("weight", 3)};
  std::vector<std::int64_t> rest;
  for (std::size_t side = 0; side < 4; ++side) rest.push_back(kernel[side % 2] - 1 - padding[side]);
  return b.op("Conv", {gradient, b.constant(turned(m.parameter("weight")))},
              {{"kernel_shape", kernel}, {"strides", std::vector<std::int64_t>{1, 1}}, {"pads", rest}});
}

Value group_norm_gradient(Builder& b, const Value& gradient, const Value& x, const GroupNormLayer& layer) {
  const auto in_groups = [&](const Value& map) { return b.reshape(map, {as_it_is, layer.groups, rest}); };
  const auto mean = [&](const Value& map) { return over_last_axis(b, "ReduceMean", map); };
  const auto per_channel = [&](const Value& parameter) { return b.reshape(parameter, {rest, 1, 1}); };

  const Value centred = b.sub(in_groups(x), mean(in_groups(x)));
  const Value variance = mean(b.mul(centred, centred));
  const Value epsilon = b.constant(Tensor({1}, {layer.epsilon}), Element::float32);
  const Value inverse_deviation = b.op("Reciprocal", {b.op("Sqrt", {b.op("Add", {variance, epsilon})})});
  const Value normalized = b.mul(centred, inverse_deviation);

  const Value scale = per_channel(layer.weight);
  Value at_scaled = gradient;
  if (layer.activation == Activation::silu) {
    const Value y = b.op("Add", {b.mul(b.reshape_like(normalized, x), scale), per_channel(layer.bias)});
    // The slope of y s(y) is s + y s (1 - s) = s + s y - (s y) s.
    const Value s = b.op("Sigmoid", {y});
    const Value silu = b.mul(s, y);
    at_scaled = b.mul(gradient, b.op("Add", {s, b.sub(silu, b.mul(silu, s))}));
  }
  // As runtime::GroupNormGradientOp says: what mean and deviation, which depend on x too, take away.
  const Value at_normalized = in_groups(b.mul(at_scaled, scale));
  const Value by_mean = b.sub(at_normalized, mean(at_normalized));
  const Value by_both = b.sub(by_mean, b.mul(normalized, mean(b.mul(at_normalized, normalized))));
  return b.reshape_like(b.mul(by_both, inverse_deviation), x);
}

std::vector<Value> attention_gradient(Builder& b, const Value& gradient, const Value& q, const Value& k, const Value& v,
                                      const Value& output) {
  const Value scale = inverse_sqrt_width(b, q);
  const Value mean = over_last_axis(b, "ReduceSum", b.mul(gradient, output));
  const QueryParts parts(b, q);
  auto queries = parts.split(b.mul(q, scale));
  const auto gradients = parts.split(gradient);
  const auto means = parts.split(mean);

  std::vector<Value> at_queries;
  Value at_k, at_v;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const Value weights = b.softmax(matmul(b, queries[i], false, k, true));
    // Softmax: each row of weights moves by its gradient less the mean of that gradient under the weights, which is
    // the product of the output with the gradient there, without a second matrix of L x L.
    const Value at_scores = b.mul(weights, b.sub(matmul(b, gradients[i], false, v, true), means[i]));
    const auto sum = [&](const Value& so_far, const Value& part) { return i == 0 ? part : b.add(so_far, part); };
    at_k = sum(at_k, matmul(b, at_scores, true, queries[i], false));
    at_v = sum(at_v, matmul(b, weights, true, gradients[i], false));
    at_queries.push_back(b.matmul(at_scores, k));
    // ONNX Runtime would compute the weights of all parts before the first sum: the next part waits for this one's.
    const Value so_far = b.slice(b.add(at_k, at_v), 1, 0, 1);
    if (i + 1 < queries.size()) queries[i + 1] = b.add(queries[i + 1], b.scale(so_far, 0.0F));
  }
  return {b.mul(parts.join(at_queries), scale), at_k, at_v};
}

Value upsample_nearest_gradient(Builder& b, const Value& gradient, std::int64_t factor) {
  const std::vector<std::int64_t> block{factor, factor};
  const Value mean = b.op("AveragePool", {gradient}, {{"kernel_shape", block}, {"strides", block}});
  return b.scale(mean, static_cast<float>(factor * factor));
}

}  // namespace diffbir::graph
