#include "graph/gradient.h"

#include <map>
#include <string>
#include <utility>

#include "core/error.h"
#include "graph/plain_attention.h"

namespace diffbir::graph {
namespace {

constexpr const char* microsoft = "com.microsoft";

/// a b, the last two axes of either exchanged where asked.
Value matmul(Builder& b, const Value& x, bool transpose_x, const Value& y, bool transpose_y) {
  return b.op("FusedMatMul", {x, y}, {{"transA", std::int64_t{transpose_x}}, {"transB", std::int64_t{transpose_y}}},
              microsoft);
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

std::vector<Value> attention_gradient(Builder& b, const Value& gradient, const Value& q, const Value& k, const Value& v,
                                      const Value& output) {
  const Value scale = inverse_sqrt_width(b, q);
  const Value scaled_q = b.mul(q, scale);
  const Value weights = b.softmax(matmul(b, scaled_q, false, k, true));

  // Softmax: each row of weights moves by its gradient less the mean of that gradient under the weights, which is the
  // product of the output with the gradient there, without a second matrix of L x L.
  const Value mean = b.op("ReduceSum", {b.mul(gradient, output), b.integers({-1})}, {{"keepdims", std::int64_t{1}}});
  const Value at_scores = b.mul(weights, b.sub(matmul(b, gradient, false, v, true), mean));
  return {b.mul(b.matmul(at_scores, k), scale), matmul(b, at_scores, true, scaled_q, false),
          matmul(b, weights, true, gradient, false)};
}

Value upsample_nearest_gradient(Builder& b, const Value& gradient, std::int64_t factor) {
  const std::vector<std::int64_t> block{factor, factor};
  const Value mean = b.op("AveragePool", {gradient}, {{"kernel_shape", block}, {"strides", block}});
  return b.scale(mean, static_cast<float>(factor * factor));
}

}  // namespace diffbir::graph
