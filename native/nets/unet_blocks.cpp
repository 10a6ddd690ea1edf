#include "nets/unet_blocks.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "core/error.h"

namespace diffbir::nets {

using graph::Activation;
using graph::Builder;
using graph::Module;
using graph::Value;

namespace {

constexpr float res_norm_eps = 1e-5F;
constexpr float transformer_norm_eps = 1e-6F;

bool has_one_of(const Module& m, std::initializer_list<const char*> names) {
  return std::ranges::any_of(names, [&](const char* name) { return m.has(name); });
}

// By more than one key each: a block that lacks one shall be missed, not taken for the end of its network.
bool is_res_block(const Module& m) { return has_one_of(m, {"in_layers.0.weight", "in_layers.2.weight"}); }
bool is_spatial_transformer(const Module& m) { return has_one_of(m, {"proj_in.weight", "proj_out.weight"}); }
bool is_transformer_block(const Module& m) { return has_one_of(m, {"norm1.weight", "norm2.weight"}); }
bool is_downsample(const Module& m) { return has_one_of(m, {"op.weight", "op.bias"}); }
bool is_upsample(const Module& m) { return has_one_of(m, {"conv.weight", "conv.bias"}); }
bool is_conv(const Module& m) { return has_one_of(m, {"weight", "bias"}); }

bool is_part(const Module& m) {
  return is_res_block(m) || is_spatial_transformer(m) || is_downsample(m) || is_upsample(m) || is_conv(m);
}

Value block_part(Builder& b, const Module& m, const Value& x, UNetContext& c) {
  if (is_res_block(m)) return res_block(b, m, x, c);
  if (is_spatial_transformer(m)) return spatial_transformer(b, m, x, c);
  if (is_downsample(m)) return b.conv(x, m["op"], {.stride = 2});
  if (is_upsample(m)) return b.conv(b.upsample_nearest(x, 2), m["conv"]);
  return b.conv(x, m);
}

Value cross_attention(Builder& b, const Module& m, const Value& x, const Value& context, const UNetConfig& config) {
  const std::int64_t channels = m.size("to_q.weight", 0);
  if (channels % config.num_head_channels != 0) {
    throw Error(ErrorCode::model_mismatch, "Expected num_head_channels to divide the " + std::to_string(channels) +
                                               " channels of " + m.key("to_q.weight") + " but it is " +
                                               std::to_string(config.num_head_channels));
  }
  const Value h = b.attention(x, context, {m["to_q"], m["to_k"], m["to_v"]},
                              {.heads = channels / config.num_head_channels, .width = config.num_head_channels});
  return b.mark(m, b.linear(h, m["to_out"][0]), 3);
}

Value feed_forward(Builder& b, const Module& m, const Value& x) {
  return b.mark(m, b.linear(b.geglu(x, m["net"][0]["proj"]), m["net"][2]), 3);
}

Value transformer_block(Builder& b, const Module& m, Value x, UNetContext& c) {
  Value normed = b.layer_norm(x, m["norm1"]);
  x = b.add_tokens(cross_attention(b, m["attn1"], normed, normed, c.config()), x);
  normed = b.layer_norm(x, m["norm2"]);
  if (!c.is_forked()) {
    c.fork(b);
    x = c.each_prompt(b, x, 3);
    normed = c.each_prompt(b, normed, 3);
  }
  x = b.add_tokens(cross_attention(b, m["attn2"], normed, c.context(), c.config()), x);
  x = b.add_tokens(feed_forward(b, m["ff"], b.layer_norm(x, m["norm3"])), x);
  return b.mark(m, x, 3);
}

/// time_embed(timestep_embedding(t)): t [B] in float32 -> [B, 4 model_channels]; cosines first (behaviour.md 5.4).
Value time_embedding(Builder& b, const Module& m, const Value& t) {
  const std::int64_t half = m.size("time_embed.0.weight", 1) / 2;
  Tensor frequencies({1, half});
  for (std::int64_t i = 0; i < half; ++i) {
    // float32 throughout, as torch computes it: at t = 999 a rounding difference here would be seen in the cosine.
    const float exponent = static_cast<float>(-std::log(10000.0)) * static_cast<float>(i) / static_cast<float>(half);
    frequencies.data()[i] = std::exp(exponent);
  }
  const Value angles =
      b.mul(b.reshape(t, {std::int64_t{-1}, std::int64_t{1}}), b.constant(frequencies, graph::Element::float32));
  const Value embedding = b.concat({b.op("Cos", {angles}), b.op("Sin", {angles})}, -1);
  const Module embed = m["time_embed"];
  return b.to_working(b.mark(embed, b.linear(b.silu(b.linear(embedding, embed[0])), embed[2]), 2));
}

}  // namespace

UNetContext::UNetContext(Builder& b, const Module& m, const Value& t, const Value& context, UNetConfig config)
    : emb_(b.silu(time_embedding(b, m, t))),
      context_(context),
      config_(config),
      prompts_(b.op("Div", {std::get<Value>(b.dim(context, 0)), std::get<Value>(b.dim(t, 0))})) {}

void UNetContext::fork(Builder& b) {
  emb_ = each_prompt(b, emb_, 2);
  is_forked_ = true;
  b.begin_pairs();
}

Value UNetContext::each_prompt(Builder& b, const Value& x, std::size_t axes) const {
  return b.repeat(x, prompts_, axes);
}

Value res_block(Builder& b, const Module& m, const Value& x, const UNetContext& c) {
  Value h = b.conv(b.group_norm(x, m["in_layers"][0], res_norm_eps, Activation::silu), m["in_layers"][2]);
  const Value emb = b.linear(c.emb(), m["emb_layers"][1]);
  h = b.add_per_channel(h, emb);
  h = b.conv(b.group_norm(h, m["out_layers"][0], res_norm_eps, Activation::silu), m["out_layers"][3]);
  const Value skip =
      has_one_of(m, {"skip_connection.weight", "skip_connection.bias"}) ? b.conv(x, m["skip_connection"]) : x;
  return b.mark(m, b.add(skip, h), 4);
}

Value spatial_transformer(Builder& b, const Module& m, const Value& x, UNetContext& c) {
  const bool forks = !c.is_forked();
  const Value normed = b.mark(m["norm"], b.group_norm(x, m["norm"], transformer_norm_eps, Activation::none), 4);
  Value h = b.mark(m["proj_in"], b.linear(b.to_tokens(normed), m["proj_in"]), 3);
  for (std::int64_t d = 0; is_transformer_block(m["transformer_blocks"][d]); ++d) {
    h = transformer_block(b, m["transformer_blocks"][d], h, c);
  }
  h = b.mark(m["proj_out"], b.linear(h, m["proj_out"]), 3);
  const Value before = forks ? c.each_prompt(b, x, 4) : x;
  return b.mark(m, b.add(b.to_image(h, before), before), 4);
}

Value timestep_block(Builder& b, const Module& m, const Value& x, UNetContext& c) {
  Value h = x;
  for (std::int64_t part = 0; is_part(m[part]); ++part) h = block_part(b, m[part], h, c);
  return b.mark(m, h, 4);
}

std::vector<Value> input_blocks(Builder& b, const Module& m, const Value& x, UNetContext& c, std::int64_t count) {
  std::vector<Value> outputs;
  Value h = x;
  for (std::int64_t i = 0; i < count; ++i) {
    h = timestep_block(b, m["input_blocks"][i], h, c);
    outputs.push_back(h);
  }
  return outputs;
}

EncoderOutputs unet_encoder(Builder& b, const Module& m, const Value& x, UNetContext& c) {
  EncoderOutputs outputs;
  outputs.skips = input_blocks(b, m, x, c, count_blocks(m["input_blocks"]));
  outputs.middle = timestep_block(b, m["middle_block"], outputs.skips.back(), c);
  return outputs;
}

std::size_t unforked_blocks(const Module& m) {
  const auto looks_at_text = [&](const Module& block) {
    std::int64_t part = 0;
    while (is_part(block[part]) && !is_spatial_transformer(block[part])) ++part;
    return is_part(block[part]);
  };
  const Module blocks = m["input_blocks"];
  std::int64_t count = 0;
  while (count < count_blocks(blocks) && !looks_at_text(blocks[count])) ++count;
  return static_cast<std::size_t>(count);
}

std::vector<std::int64_t> encoder_channels(const Module& m) {
  std::vector<std::int64_t> channels;
  const Module blocks = m["input_blocks"];
  for (std::int64_t i = 0; i < count_blocks(blocks); ++i) {
    const Module first = blocks[i][0];
    const char* last_conv = is_res_block(first) ? "out_layers.3.weight" : is_downsample(first) ? "op.weight" : "weight";
    channels.push_back(first.size(last_conv, 0));
  }
  return channels;
}

std::int64_t context_width(const Module& m) {
  return m["middle_block"][1]["transformer_blocks"][0].size("attn2.to_k.weight", 1);
}

std::int64_t count_blocks(const Module& list) {
  std::int64_t count = 0;
  while (is_part(list[count][0])) ++count;
  return count;
}

}  // namespace diffbir::nets
