// The layers and shape operations of graph::Builder, each a few ONNX operators.

#include <algorithm>
#include <array>
#include <numbers>
#include <string>

#include "core/cpu.h"
#include "core/error.h"
#include "graph/builder.h"
#include "graph/gradient.h"
#include "graph/plain_attention.h"

namespace diffbir::graph {
namespace {

constexpr const char* microsoft = "com.microsoft";
constexpr const char* diffbir = "diffbir";
constexpr std::int64_t to_the_end = INT64_MAX;

/// Of a head: beyond it MultiHeadAttention of the CUDA provider is reported to want more shared memory than there is.
constexpr std::int64_t widest_attention = 256;

/// Those that the kernel of BiasSplitGelu takes.
constexpr std::array<std::int64_t, 5> bias_split_gelu_widths{2560, 5120, 6144, 10240, 12288};

/// The most channels of a group that the kernel of GroupNorm takes; it takes two at a time.
constexpr std::int64_t most_grouped_channels = 512;

/// How Resize takes the pixel that torch takes.
std::vector<Builder::Attribute> torch_nearest() {
  return {{"mode", std::string("nearest")},
          {"coordinate_transformation_mode", std::string("asymmetric")},
          {"nearest_mode", std::string("floor")}};
}

}  // namespace

// ---- layers ----

Value Builder::conv(const Value& x, const Module& m, const ConvOptions& options) {
  const std::int64_t kernel_h = m.size("weight", 2);
  const std::int64_t kernel_w = m.size("weight", 3);
  auto padding = options.padding;
  if (padding.empty()) padding = {kernel_h / 2, kernel_w / 2, kernel_h / 2, kernel_w / 2};
  if (is_int8(m, "weight")) {
    const bool has_bias = m.has("bias");
    const Value bias = has_bias ? parameter(m, "bias", {m.size("weight", 0)}) : Value{};
    const auto inputs = int8_inputs(x, has_bias ? &bias : nullptr);
    auto attributes = int8_parameter(m, "weight", {-1, -1, -1, -1});
    attributes.insert(attributes.end(), {{"stride", options.stride}, {"pads", padding}});
    return op("Int8Conv", inputs, attributes, diffbir);
  }
  const std::vector<Attribute> attributes{{"kernel_shape", std::vector<std::int64_t>{kernel_h, kernel_w}},
                                          {"strides", std::vector<std::int64_t>{options.stride, options.stride}},
                                          {"pads", padding}};
  if (fuses(&Fusions::nhwc)) return nhwc_conv(x, m, attributes);
  std::vector<Value> inputs{x, parameter(m, "weight", {-1, -1, -1, -1}, x.element)};
  if (m.has("bias")) inputs.push_back(parameter(m, "bias", {m.size("weight", 0)}, x.element));
  const Value y = op("Conv", inputs, attributes);
  if (options.stride != 1) return y;
  return recorded(
      y, {x}, [=](Builder& b, const Value& gradient) { return std::vector{conv_gradient(b, gradient, m, padding)}; });
}

Value Builder::conv_transpose(const Value& x, const Module& m, std::int64_t stride) {
  std::vector<Value> inputs{x, parameter(m, "weight", {-1, -1, -1, -1}, x.element)};
  if (m.has("bias")) inputs.push_back(parameter(m, "bias", {m.size("weight", 1)}, x.element));
  return op("ConvTranspose", inputs, {{"strides", std::vector<std::int64_t>{stride, stride}}});
}

Value Builder::linear(const Value& x, const Module& m, const std::string& weight, const std::string& bias) {
  if (is_int8(m, weight)) return int8_linear(x, m, weight, bias, false);
  const Value y = project(x, m, weight);
  if (!m.has(bias)) return y;
  const bool waits = fuses(&Fusions::bias_add) || fuses(&Fusions::skip_layer_norm);
  return waits ? with_bias(y, bias_of(m, weight, bias, x.element))
               : add(y, parameter(m, bias, {m.size(weight, 0)}, x.element));
}

Value Builder::project(const Value& x, const Module& m, const std::string& weight) {
  if (is_int8(m, weight)) return int8_linear(x, m, weight, "", false);
  const Value matrix = parameter(m, weight, {-1, -1}, x.element);
  if (!options_.fusions.linear) return matmul(x, transpose(matrix, {1, 0}));
  return op("FusedMatMul", {x, matrix}, {{"transB", std::int64_t{1}}}, microsoft);
}

Value Builder::int8_linear(const Value& x, const Module& m, const std::string& weight, const std::string& bias,
                           bool geglu) {
  const bool has_bias = !bias.empty() && m.has(bias);
  const Value added = has_bias ? parameter(m, bias, {m.size(weight, 0)}) : Value{};
  auto attributes = int8_parameter(m, weight, {-1, -1});
  attributes.push_back({"geglu", std::int64_t{geglu}});
  return op("Int8Linear", int8_inputs(x, has_bias ? &added : nullptr), attributes, diffbir);
}

Value Builder::geglu(const Value& x, const Module& m) {
  if (options_.fusions.geglu && m.has("bias") && is_float32(x)) {
    constexpr std::int64_t whole_panels = 2 * Int8Weights::panel_width;
    if (is_int8(m, "weight") && m.size("weight", 0) % whole_panels == 0) {
      return int8_linear(x, m, "weight", "bias", true);
    }
    const Value product = project(x, m, "weight");
    return op("Geglu", {product, parameter(m, "bias", {m.size("weight", 0)})}, {}, diffbir);
  }
  const std::int64_t outputs = m.size("weight", 0);
  if (m.has("bias") && outputs % 2 == 0 && has_fused_kernel(x, outputs / 2, outputs)) {
    const Value product = project(x, m, "weight");
    return op("FusedGeglu", {product, parameter(m, "bias", {outputs}, x.element)}, {}, diffbir);
  }
  if (fuses(&Fusions::bias_split_gelu) && m.has("bias") && std::ranges::count(bias_split_gelu_widths, outputs) == 1) {
    const Value product = project(x, m, "weight");
    return op("BiasSplitGelu", {product, parameter(m, "bias", {outputs}, x.element)}, {}, microsoft);
  }
  const auto halves = split(linear(x, m), 2, -1);
  return mul(halves[0], gelu(halves[1]));
}

Value Builder::layer_norm(const Value& x, const Module& m, float eps) {
  if (fuses(&Fusions::skip_layer_norm) && pending(x, Pending::Kind::residual)) return skip_layer_norm(x, m, eps);
  const bool is_fused = has_layer_norm_kernel(x, m.size("weight", 0));
  const std::vector<Value> inputs{x, parameter(m, "weight", {-1}, x.element), parameter(m, "bias", {-1}, x.element)};
  if (options_.fusions.layer_norm && is_float32(x)) return op("LayerNorm", inputs, {{"epsilon", eps}}, diffbir);
  if (is_fused && pending(x, Pending::Kind::bias)) {
    const auto [product, bias] = without_bias(x);
    pending_.erase(x.name);
    const Value y = fresh_values("FusedLayerNorm", 1, x.element).front();
    add_node("FusedLayerNorm", {product, inputs[1], inputs[2], bias}, {y, x}, {{"epsilon", eps}}, diffbir);
    return y;
  }
  if (is_fused) return op("FusedLayerNorm", inputs, {{"epsilon", eps}}, diffbir);
  return op("LayerNormalization", inputs, {{"axis", std::int64_t{-1}}, {"epsilon", eps}});
}

Value Builder::group_norm(const Value& x, const Module& m, float eps, Activation activation) {
  if (const std::int64_t channels = m.size("weight", 0); channels % options_.norm_groups != 0) {
    throw Error(ErrorCode::model_mismatch, "Expected norm_num_groups to divide the " + std::to_string(channels) +
                                               " channels of " + m.key("weight") + " but it is " +
                                               std::to_string(options_.norm_groups));
  }
  const std::int64_t grouped = m.size("weight", 0) / options_.norm_groups;
  const bool fits_kernel = grouped % 2 == 0 && grouped <= most_grouped_channels;
  if (fuses(&Fusions::nhwc) && fuses(&Fusions::nhwc_group_norm) && (fits_kernel || tile_ticket_)) {
    return nhwc_group_norm(x, m, eps, activation);
  }
  if (!is_float32(x)) return to_working(group_norm(to_float32(x), m, eps, activation));
  const Value weight = parameter(m, "weight", {-1}, x.element);
  const Value bias = parameter(m, "bias", {-1}, x.element);
  const std::vector<Attribute> attributes{
      {"groups", options_.norm_groups}, {"epsilon", eps}, {"silu", std::int64_t{activation == Activation::silu}}};
  const auto fused = [&](std::vector<Value> inputs) {
    auto numbered = attributes;
    numbered.push_back({"index", group_norms_++});
    return op("GroupNorm", inputs, numbered, diffbir);
  };
  if (tile_ticket_) return fused({x, weight, bias, *tile_ticket_});  // no gradient: it may depend on other tiles
  Value y;
  if (options_.fusions.group_norm) {
    y = fused({x, weight, bias});
  } else {
    y = op("GroupNormalization", {x, weight, bias}, {{"num_groups", options_.norm_groups}, {"epsilon", eps}});
    if (activation == Activation::silu) y = silu(y);
  }
  const GroupNormLayer layer{weight, bias, options_.norm_groups, eps, activation};
  const bool is_fused = options_.fusions.group_norm;
  return recorded(y, {x}, [=](Builder& b, const Value& gradient) {
    return std::vector{is_fused ? b.op("GroupNormGradient", {x, weight, bias, gradient}, attributes, diffbir)
                                : group_norm_gradient(b, gradient, x, layer)};
  });
}

Value Builder::batch_norm(const Value& x, const Module& m, float eps) {
  const Shape per_channel{m.size("weight", 0)};
  return op("BatchNormalization",
            {x, parameter(m, "weight", per_channel), parameter(m, "bias", per_channel),
             parameter(m, "running_mean", per_channel), parameter(m, "running_var", per_channel)},
            {{"epsilon", eps}});
}

Value Builder::attention(const Value& q, const Value& k, const Value& v, const AttentionOptions& options) {
  const auto [heads, width, causal, width_on_gpu] = options;
  const Fusions& fusions = options_.fusions;
  // The widths that runtime::attention::takes().
  const bool is_vector = !causal && (width == 16 || width == 32 || width == 64) && has_avx512();
  if (fusions.attention && fusions.vector_kernels && is_vector && is_float32(q)) {
    const bool in_bytes = options_.precision == Precision::int8 && has_avx512_vnni() && has_avx512_vbmi();
    return op("Attention", {q, k, v}, {{"width", width}, {"bytes", std::int64_t{in_bytes}}}, diffbir);
  }
  const std::int64_t on_gpu = width_on_gpu > 0 ? width_on_gpu : width;
  Value y;
  if (fusions.packed_attention && on_gpu > widest_attention && !causal) {
    const QueryParts queries(*this, q);
    std::vector<Value> parts = queries.split(q);
    for (Value& part : parts) part = plain_attention(*this, part, k, v, heads, causal, on_gpu);
    y = queries.join(parts);
  } else if (fusions.attention) {
    y = op("MultiHeadAttention", {q, k, v}, {{"num_heads", heads}, {"unidirectional", std::int64_t{causal}}},
           microsoft);
  } else {
    y = plain_attention(*this, q, k, v, heads, causal);
  }
  if (heads != 1 || causal) return y;
  return recorded(y, {q, k, v},
                  [=](Builder& b, const Value& gradient) { return attention_gradient(b, gradient, q, k, v, y); });
}

// ---- pointwise ----

Value Builder::add(const Value& a, const Value& b) {
  if (is_nhwc(a) && is_nhwc(b)) return from_nhwc(later(Pending::Kind::sum, {to_nhwc(a), to_nhwc(b)}));
  return recorded(op("Add", {a, b}), {a, b}, [](Builder&, const Value& gradient) {
    return std::vector{gradient, gradient};
  });
}

Value Builder::add_per_channel(const Value& x, const Value& v) {
  constexpr std::int64_t rest = -1;
  constexpr std::int64_t one = 1;
  if (!is_nhwc(x)) return add(x, reshape(v, {std::int64_t{0}, rest, one, one}));
  const auto [product, bias] = without_bias(v);
  const Value added = with_bias(reshape(product, {std::int64_t{0}, one, one, rest}), bias);
  return from_nhwc(later(Pending::Kind::per_channel, {added, to_nhwc(x)}));
}

Value Builder::add_tokens(const Value& a, const Value& b) {
  const bool waits = fuses(&Fusions::skip_layer_norm) || fuses(&Fusions::bias_add);
  return waits ? later(Pending::Kind::residual, {a, b}) : add(a, b);
}

Value Builder::scale(const Value& x, float factor) { return scale(x, constant(Tensor({1}, {factor}), x.element)); }

Value Builder::scale(const Value& x, const Value& factor) {
  return pointwise(x, [&](const Value& v) { return mul(v, factor); });
}

Value Builder::silu(const Value& x) {
  return pointwise(x, [&](const Value& v) { return mul(v, op("Sigmoid", {v})); });
}

Value Builder::gelu(const Value& x) {
  if (options_.fusions.gelu) return op("Gelu", {x}, {}, microsoft);
  const Value erf = op("Erf", {scale(x, std::numbers::sqrt2_v<float> / 2)});
  return scale(mul(x, add(erf, constant(Tensor({1}, {1}), x.element))), 0.5F);
}

Value Builder::relu(const Value& x) {
  return pointwise(x, [&](const Value& v) { return op("Relu", {v}); });
}

Value Builder::leaky_relu(const Value& x, float slope) {
  return pointwise(x, [&](const Value& v) { return op("LeakyRelu", {v}, {{"alpha", slope}}); });
}

Value Builder::softmax(const Value& x) { return op("Softmax", {x}, {{"axis", std::int64_t{-1}}}); }

// ---- shape ----

Value Builder::concat(const std::vector<Value>& parts, std::int64_t axis) {
  if (axis == 1 && std::ranges::any_of(parts, [&](const Value& part) { return is_nhwc(part); })) {
    std::vector<Value> images;
    for (const Value& part : parts) images.push_back(to_nhwc(part));
    return from_nhwc(op("Concat", images, {{"axis", std::int64_t{3}}}));
  }
  return op("Concat", parts, {{"axis", axis}});
}

Value Builder::repeat(const Value& x, const Value& times, std::size_t axes) {
  const Value repeats = concat({times, integers(std::vector<std::int64_t>(axes - 1, 1))}, 0);
  return pointwise(x, [&](const Value& v) { return op("Tile", {v, repeats}); });
}

std::vector<Value> Builder::split(const Value& x, std::size_t parts, std::int64_t axis) {
  return op_n("Split", {x}, parts, {{"axis", axis}, {"num_outputs", static_cast<std::int64_t>(parts)}});
}

Value Builder::slice(const Value& x, std::int64_t axis, std::int64_t begin, std::int64_t end) {
  return op("Slice", {x, integers({begin}), integers({end}), integers({axis})});
}

Value Builder::gather(const Value& x, const Value& indices, std::int64_t axis) {
  return op("Gather", {x, indices}, {{"axis", axis}});
}

Value Builder::range(const Size& a, const Size& b) {
  const auto value = [&](const Size& size) {
    const auto* const known = std::get_if<std::int64_t>(&size);
    return known ? integer(*known) : op("Squeeze", {std::get<Value>(size)});
  };
  return op("Range", {integer(0), mul(value(a), value(b)), integer(1)});
}

Value Builder::transpose(const Value& x, const std::vector<std::int64_t>& order) {
  if (is_nhwc(x) && order == std::vector<std::int64_t>{0, 2, 3, 1}) return to_nhwc(x);
  if (fuses(&Fusions::nhwc) && order == std::vector<std::int64_t>{0, 3, 1, 2}) return from_nhwc(x);
  return op("Transpose", {x}, {{"perm", order}});
}

Value Builder::reshape(const Value& x, const std::vector<Size>& shape) {
  std::vector<Value> parts;
  std::vector<std::int64_t> known;
  const auto flush = [&] {
    if (!known.empty()) parts.push_back(integers(known));
    known.clear();
  };
  for (const Size& size : shape) {
    if (const auto* number = std::get_if<std::int64_t>(&size)) {
      known.push_back(*number);
    } else {
      flush();
      parts.push_back(std::get<Value>(size));
    }
  }
  flush();
  return op("Reshape", {x, parts.size() == 1 ? parts.front() : concat(parts, 0)});
}

Value Builder::reshape_like(const Value& x, const Value& like) { return op("Reshape", {x, op("Shape", {like})}); }

Value Builder::upsample_nearest(const Value& x, std::int64_t factor) {
  const auto f = static_cast<float>(factor);
  if (is_nhwc(x)) {
    const Value scales = constant(Tensor({4}, {1, f, f, 1}), Element::float32);
    return from_nhwc(op("Resize", {to_nhwc(x), {""}, scales}, torch_nearest()));
  }
  const Value y = op("Resize", {x, {""}, constant(Tensor({4}, {1, 1, f, f}), Element::float32)}, torch_nearest());
  return recorded(y, {x}, [=](Builder& b, const Value& gradient) {
    return std::vector{upsample_nearest_gradient(b, gradient, factor)};
  });
}

Value Builder::resize_nearest_like(const Value& x, const Value& like) {
  const auto sizes = [&](const Value& of, std::int64_t first) {
    return op("Shape", {of}, {{"start", first}, {"end", first + 2}});
  };
  return op("Resize", {x, {""}, {""}, concat({sizes(x, 0), sizes(like, 2)}, 0)}, torch_nearest());
}

Value Builder::pad_to_multiples_of(const Value& x, std::int64_t m, const std::string& mode) {
  std::vector<Value> pads{integers({0, 0, 0, 0, 0, 0})};
  for (const std::int64_t axis : {2, 3}) {
    const Value size = std::get<Value>(dim(x, axis));
    pads.push_back(op("Mod", {op("Neg", {size}), integers({m})}));  // (-size) mod m, never negative
  }
  return op("Pad", {x, concat(pads, 0)}, {{"mode", mode}});
}

Value Builder::crop_like(const Value& x, const Value& like) {
  const Value ends = op("Shape", {like}, {{"start", std::int64_t{2}}, {"end", std::int64_t{4}}});
  return op("Slice", {x, integers({0, 0}), ends, integers({2, 3})});
}

Value Builder::pixel_shuffle(const Value& x, std::int64_t r) {
  return op("DepthToSpace", {x}, {{"blocksize", r}, {"mode", std::string("CRD")}});
}

Value Builder::pixel_unshuffle(const Value& x, std::int64_t r) {
  const Size batch = dim(x, 0);
  const Size channels = dim(x, 1);
  const Size height = divide(dim(x, 2), r);
  const Size width = divide(dim(x, 3), r);
  const Value blocks = reshape(x, {batch, channels, height, r, width, r});
  return reshape(transpose(blocks, {0, 1, 3, 5, 2, 4}), {batch, std::int64_t{-1}, height, width});
}

Value Builder::to_tokens(const Value& image) {
  if (is_nhwc(image)) {
    const Value x = to_nhwc(image);
    return reshape(x, {std::int64_t{0}, std::int64_t{-1}, dim(x, -1)});
  }
  const Value tokens = transpose(reshape(image, {std::int64_t{0}, std::int64_t{0}, std::int64_t{-1}}), {0, 2, 1});
  return recorded(tokens, {image},
                  [=](Builder& b, const Value& gradient) { return std::vector{b.to_image(gradient, image)}; });
}

Value Builder::to_image(const Value& tokens, const Value& like) {
  if (is_nhwc(like)) {
    const auto [product, bias] = without_bias(tokens);
    return from_nhwc(with_bias(later(Pending::Kind::image, {product, to_nhwc(like)}), bias));
  }
  return recorded(reshape_like(transpose(tokens, {0, 2, 1}), like), {tokens},
                  [](Builder& b, const Value& gradient) { return std::vector{b.to_tokens(gradient)}; });
}

Size Builder::dim(const Value& x, std::int64_t axis) {
  return op("Shape", {x}, {{"start", axis}, {"end", axis == -1 ? to_the_end : axis + 1}});
}

Size Builder::divide(const Size& a, std::int64_t b) {
  if (const auto* number = std::get_if<std::int64_t>(&a)) return *number / b;
  return op("Div", {std::get<Value>(a), integers({b})});
}

}  // namespace diffbir::graph
