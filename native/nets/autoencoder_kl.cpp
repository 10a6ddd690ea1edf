#include "nets/autoencoder_kl.h"

namespace diffbir::nets {

using graph::Activation;
using graph::Builder;
using graph::Graph;
using graph::Module;
using graph::Value;

namespace {

constexpr float norm_eps = 1e-6F;

Value norm_silu(Builder& b, const Module& m, const Value& x) { return b.group_norm(x, m, norm_eps, Activation::silu); }

Value resnet_block(Builder& b, const Module& m, const Value& x) {
  Value h = b.conv(norm_silu(b, m["norm1"], x), m["conv1"]);
  h = b.conv(norm_silu(b, m["norm2"], h), m["conv2"]);
  const Value shortcut = m.has("nin_shortcut.weight") ? b.conv(x, m["nin_shortcut"]) : x;
  return b.mark(m, b.add(shortcut, h), 4);
}

/// One head over all H*W positions.
Value attn_block(Builder& b, const Module& m, const Value& x) {
  const Value h = b.group_norm(x, m["norm"], norm_eps, Activation::none);
  const Value q = b.to_tokens(b.conv(h, m["q"]));
  const Value k = b.to_tokens(b.conv(h, m["k"]));
  const Value v = b.to_tokens(b.conv(h, m["v"]));
  const Value attended = b.to_image(b.attention(q, k, v, {.heads = 1, .width_on_gpu = m["q"].size("weight", 0)}), x);
  return b.mark(m, b.add(x, b.conv(attended, m["proj_out"])), 4);
}

Value middle(Builder& b, const Module& m, const Value& x) {
  Value h = resnet_block(b, m["block_1"], x);
  h = attn_block(b, m["attn_1"], h);
  return b.mark(m, resnet_block(b, m["block_2"], h), 4);
}

Value level(Builder& b, const Module& m, Value h) {
  for (std::int64_t i = 0; m["block"][i].has("norm1.weight"); ++i) h = resnet_block(b, m["block"][i], h);
  return h;
}

std::int64_t count_levels(const Module& levels) {
  std::int64_t count = 0;
  while (levels[count].has("block.0.norm1.weight")) ++count;
  return count;
}

/// z [B,z,h,w], divided by the latent scale factor -> image [B,3,8h,8w].
Value decode(Builder& b, const Module& m, const Value& z) {
  const Module decoder = m["decoder"];
  Value h = b.mark(m["post_quant_conv"], b.conv(z, m["post_quant_conv"]), 4);
  h = b.mark(decoder["conv_in"], b.conv(h, decoder["conv_in"]), 4);
  h = middle(b, decoder["mid"], h);

  for (std::int64_t i = count_levels(decoder["up"]) - 1; i >= 0; --i) {
    const Module up = decoder["up"][i];
    h = level(b, up, h);
    if (up.has("upsample.conv.weight")) {
      h = b.conv(b.upsample_nearest(h, 2), up["upsample"]["conv"]);
      b.mark(up["upsample"], h, 4);
    }
  }
  return b.conv(b.to_float32(norm_silu(b, decoder["norm_out"], h)), decoder["conv_out"]);
}

}  // namespace

Graph vae_encoder(const Module& m, const graph::BuildOptions& options) {
  Builder b(options);
  const Module encoder = m["encoder"];
  Value h = b.conv(b.input("image", {-1, encoder.size("conv_in.weight", 1), -1, -1}), encoder["conv_in"]);
  b.tile_ticket();
  b.mark(encoder["conv_in"], h, 4);

  const std::int64_t levels = count_levels(encoder["down"]);
  for (std::int64_t i = 0; i < levels; ++i) {
    const Module down = encoder["down"][i];
    h = level(b, down, h);
    if (down.has("downsample.conv.weight")) {
      h = b.conv(h, down["downsample"]["conv"], {.stride = 2, .padding = {0, 0, 1, 1}});
      b.mark(down["downsample"], h, 4);
    }
  }
  h = middle(b, encoder["mid"], h);
  h = b.conv(norm_silu(b, encoder["norm_out"], h), encoder["conv_out"]);
  b.mark(encoder["conv_out"], h, 4);
  b.output("moments", b.conv(b.to_float32(h), m["quant_conv"]), 4);
  return b.finish();
}

Graph vae_decoder(const Module& m, const graph::BuildOptions& options) {
  Builder b(options);
  const Value z = b.input("z", {-1, m.size("post_quant_conv.weight", 1), -1, -1});
  b.tile_ticket();
  b.output("image", decode(b, m, z), 4);
  return b.finish();
}

Graph vae_decoder_gradient(const Module& m, const graph::BuildOptions& options) {
  Builder b(options);
  const Value z = b.input("z", {-1, m.size("post_quant_conv.weight", 1), -1, -1});
  const Value target = b.input("target", {-1, m["decoder"].size("conv_out.weight", 0), -1, -1});
  const Value weight = b.input("weight", {-1, 1, -1, -1});
  b.record_gradients();
  const Value image = decode(b, m, z);
  b.output("gradient", b.gradient(image, b.mul(weight, b.sub(image, target)), z), 4);
  return b.finish();
}

}  // namespace diffbir::nets
