// Layers of graph::Builder as operators of com.microsoft that the CUDA provider has.

#include <algorithm>
#include <cstdint>

#include "core/half.h"
#include "core/split_work.h"
#include "graph/builder.h"

namespace diffbir::graph {
namespace {

constexpr const char* microsoft = "com.microsoft";

/// Copies the kernels [out, in, area] of a convolution to [out, area, in].
template <typename T>
void to_channels_last(const std::vector<T>& from, T* to, std::size_t outputs, std::size_t inputs, std::size_t area,
                      int threads) {
  constexpr std::size_t least_copied = std::size_t{1} << 18;  // values that are worth a thread
  split_work(outputs, least_copied / std::max<std::size_t>(1, inputs * area), threads,
             [&](std::size_t first, std::size_t end) {
               for (std::size_t o = first; o < end; ++o) {
                 for (std::size_t i = 0; i < inputs; ++i) {
                   for (std::size_t k = 0; k < area; ++k) {
                     to[(o * area + k) * inputs + i] = from[(o * inputs + i) * area + k];
                   }
                 }
               }
             });
}

template <typename T>
std::vector<T> values_of(const WeightView& view, int threads) {
  std::vector<T> values(element_count(view.shape));
  if constexpr (std::is_same_v<T, float>) {
    view.to_float32(values, threads);
  } else {
    view.to_float16(values, threads);
  }
  return values;
}

}  // namespace

template <typename Fill>
Value Builder::made_parameter(const std::string& name, const Shape& shape, Element element, Fill fill) {
  const Value parameter{parameter_name(name, element), element};
  if (!parameters_.insert(parameter.name).second) return parameter;
  Ort::AllocatorWithDefaultOptions allocator;
  const bool halves = is_float16(element);
  const auto type = halves ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  auto tensor = Ort::Value::CreateTensor(allocator, shape.data(), shape.size(), type);
  if (halves) {
    fill(static_cast<std::uint16_t*>(tensor.GetTensorMutableRawData()));
  } else {
    fill(tensor.GetTensorMutableData<float>());
  }
  add_initializer(parameter.name, std::move(tensor));
  return parameter;
}

Value Builder::nhwc_weight(const Module& m, Element element) {
  const WeightView view = checked(m, "weight", {-1, -1, -1, -1});
  const Shape& shape = view.shape;
  const auto size = [&](std::size_t axis) { return static_cast<std::size_t>(shape[axis]); };
  return made_parameter(m.key("weight") + ".nhwc", {shape[0], shape[2], shape[3], shape[1]}, element,
                        [&]<typename T>(T* to) {
                          to_channels_last(values_of<T>(view, options_.threads), to, size(0), size(1),
                                           size(2) * size(3), options_.threads);
                        });
}

Value Builder::interleaved_rows(const std::vector<Module>& matrices, std::int64_t width, Element element) {
  std::vector<WeightView> views;
  for (const Module& m : matrices) views.push_back(checked(m, "weight", {matrices[0].size("weight", 0), -1}));
  const std::int64_t rows = views[0].shape[0];
  const std::int64_t columns = views[0].shape[1];
  std::string name;
  for (const Module& m : matrices) name += m.key("weight") + "+";
  return made_parameter(
      name, {static_cast<std::int64_t>(views.size()) * rows, columns}, element, [&]<typename T>(T* to) {
        const auto block = static_cast<std::size_t>(width * columns);
        for (std::size_t which = 0; which < views.size(); ++which) {
          const std::vector<T> from = values_of<T>(views[which], options_.threads);
          for (std::size_t head = 0; head * block < from.size(); ++head) {
            std::copy_n(from.data() + head * block, block, to + (head * views.size() + which) * block);
          }
        }
      });
}

Value Builder::nhwc_conv(const Value& x, const Module& m, const std::vector<Attribute>& attributes) {
  std::vector<Value> inputs{to_nhwc(x), nhwc_weight(m, x.element)};
  if (m.has("bias")) inputs.push_back(bias_of(m, "weight", "bias", x.element));
  return from_nhwc(later(Pending::Kind::conv, inputs, attributes));
}

bool Builder::has_fused_kernel(const Value& x, std::int64_t channels, std::int64_t most) const {
  return fuses(&Fusions::fused_kernels) && is_float16(x.element) && channels % fused_width == 0 && channels <= most;
}

bool Builder::has_layer_norm_kernel(const Value& x, std::int64_t channels) const {
  if (channels % fused_width == 0) return has_fused_kernel(x, channels, most_layer_norm_channels);
  return fuses(&Fusions::fused_kernels) && is_float16(x.element) && channels % narrow_width == 0 &&
         channels <= most_narrow_channels;
}

Value Builder::nhwc_group_norm(const Value& x, const Module& m, float eps, Activation activation) {
  // The kernels have statistics and these two in float32, whatever x is.
  const Value weight = parameter(m, "weight", {-1}, Element::float32);
  const Value bias = parameter(m, "bias", {-1}, Element::float32);
  const Value image = to_nhwc(x);
  const std::int64_t silu = activation == Activation::silu;
  if (tile_ticket_) {
    return from_nhwc(op("NhwcGroupNorm", {image, weight, bias, *tile_ticket_},
                        {{"groups", options_.norm_groups}, {"epsilon", eps}, {"silu", silu}, {"index", group_norms_++}},
                        "diffbir"));
  }
  std::vector<Attribute> attributes{
      {"groups", options_.norm_groups}, {"epsilon", eps}, {"activation", silu}, {"channels_last", std::int64_t{1}}};
  const bool may_add = fuses(&Fusions::skip_group_norm);
  const bool is_sum = may_add && pending(image, Pending::Kind::sum);
  const Pending* const per_channel = may_add ? pending(image, Pending::Kind::per_channel) : nullptr;
  const bool is_ours = has_fused_kernel(x, m.size("weight", 0), most_fused_channels);
  const auto with_sum = [&](const Addends& sum) {
    std::vector<Value> inputs{sum.value, weight, bias, sum.other};
    if (!sum.bias.name.empty()) inputs.push_back(sum.bias);
    return inputs;
  };
  if (is_ours) attributes.emplace_back("stores_sum", std::int64_t{is_sum});
  if (is_ours && !is_sum) {
    // What is one value for a channel need not be stored, and cuDNN adds the bias of a convolution in a pass of its
    // own. Whoever else wants the sum adds it later.
    std::vector<Value> inputs{image, weight, bias};
    if (per_channel) {
      const std::vector<Value> added = per_channel->inputs;  // a copy: op() changes what they lie in
      inputs = with_sum(addends(added));
    } else if (pending_bias(image) > 0) {
      const auto [product, of_conv] = without_bias(image);
      inputs = {product, weight, bias, of_conv};
    }
    return from_nhwc(op("FusedGroupNorm", inputs, attributes, "diffbir"));
  }
  if (!is_sum && !per_channel) return from_nhwc(op("GroupNorm", {image, weight, bias}, attributes, microsoft));
  const std::vector<Value> inputs = with_sum(take_sum(image));
  const Value y = fresh_values("SkipGroupNorm", 1, x.element).front();
  if (is_ours) {
    add_node("FusedGroupNorm", inputs, {y, image}, attributes, "diffbir");
  } else {
    add_node("SkipGroupNorm", inputs, {y, image}, attributes, microsoft);
  }
  return from_nhwc(y);
}

Value Builder::skip_layer_norm(const Value& x, const Module& m, float eps) {
  const Addends sum = take_sum(x);
  const Value weight = parameter(m, "weight", {-1}, x.element);
  const Value bias = parameter(m, "bias", {-1}, x.element);
  const Value y = fresh_values("SkipLayerNormalization", 1, x.element).front();
  const bool is_ours = has_layer_norm_kernel(x, m.size("weight", 0));
  std::vector<Value> inputs =
      is_ours ? std::vector{sum.value, weight, bias, sum.other} : std::vector{sum.value, sum.other, weight, bias};
  if (!sum.bias.name.empty()) inputs.push_back(sum.bias);
  if (is_ours) {
    add_node("FusedLayerNorm", inputs, {y, x}, {{"epsilon", eps}}, "diffbir");
    return y;
  }
  add_node("SkipLayerNormalization", inputs, {y, {""}, {""}, x}, {{"epsilon", eps}}, microsoft);
  return y;
}

bool Builder::has_concat_kernel(const Value& x, std::int64_t channels, std::int64_t skip_channels) const {
  return has_fused_kernel(x, channels, channels) && skip_channels % fused_width == 0 && has_half_maps();
}

Value Builder::controlled_concat(const Value& x, const Value& skip, const Value& control, const Value& strength) {
  const Value image = to_nhwc(x);
  std::vector<Value> inputs{image, to_nhwc(skip), to_nhwc(control), strength};
  if (pending(image, Pending::Kind::sum)) {
    const Addends sum = take_sum(image);
    inputs[0] = sum.value;
    if (!sum.bias.name.empty()) inputs.push_back(sum.bias);
    inputs.push_back(sum.other);
  } else if (pending_bias(image) > 0) {
    const auto [product, bias] = without_bias(image);
    inputs[0] = product;
    inputs.push_back(bias);
  }
  return from_nhwc(op("FusedControlledConcat", inputs, {}, "diffbir"));
}

bool Builder::has_window_kernel(const Value& x, std::int64_t width) const {
  return fuses(&Fusions::fused_kernels) && is_float16(x.element) && width % 2 == 0 && width <= widest_window_head;
}

Value Builder::window_attention(const Value& qkv, const Value& table, const WindowShape& shape,
                                const std::optional<WindowShift>& shift) {
  const auto [product, bias] = without_bias(qkv);
  std::vector<Value> inputs{product, bias, table};
  if (bias.name.empty()) inputs[1] = constant(Tensor({3 * shape.channels}), product.element);
  std::vector<Attribute> attributes{{"heads", shape.heads}, {"side", shape.side}, {"channels", shape.channels}};
  if (shift) {
    inputs.push_back(shift->sides);
    attributes.emplace_back("masked", shift->masked);
  }
  return op("FusedWindowAttention", inputs, attributes, "diffbir");
}

Value Builder::attention(const Value& x, const Value& context, const Projections& m, const AttentionOptions& options) {
  const bool has_bias = m.q.has("bias") || m.k.has("bias") || m.v.has("bias");
  // Of x itself, queries, keys and values of one product would be taken apart again, which takes longer than it spares.
  const bool is_packed = fuses(&Fusions::packed_attention) && x.name != context.name && !has_bias && !options.causal &&
                         options_.precision != Precision::int8;
  const Value q = linear(x, m.q);
  if (!is_packed) {
    const Value k = linear(context, m.k);
    return attention(q, k, linear(context, m.v), options);
  }
  const Value matrix = interleaved_rows({m.k, m.v}, options.width, context.element);
  const Value product = op("FusedMatMul", {context, matrix}, {{"transB", std::int64_t{1}}}, microsoft);
  const Value packed =
      reshape(product, {std::int64_t{0}, std::int64_t{0}, options.heads, std::int64_t{2}, options.width});
  return op("MultiHeadAttention", {q, packed}, {{"num_heads", options.heads}}, microsoft);
}

}  // namespace diffbir::graph
