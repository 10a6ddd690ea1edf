#include "nets/swinir.h"

#include <cmath>

#include "core/error.h"
#include "nets/window_attention.h"

namespace diffbir::nets {

using graph::Builder;
using graph::Element;
using graph::Graph;
using graph::Module;
using graph::Value;
using graph::Windows;

namespace {

/// Channel means of DIV2K, subtracted before and added after the network.
const std::vector<float> rgb_mean{0.4488F, 0.4371F, 0.4040F};

/// Is added where tokens of a shifted window come from different regions: not minus infinity.
constexpr float masked = -100.0F;

/// x [B nW, window^2, C]: all but attention looks at each token alone, so that they stay in windows.
Value swin_block(Builder& b, Windows& windows, const Module& m, Value x, std::int64_t heads, bool shifted) {
  const std::int64_t channels = m.size("norm1.weight", 0);
  const Module attn = m["attn"];
  require_heads(attn, channels, heads);

  Value y = b.layer_norm(x, m["norm1"]);
  const bool is_moved = shifted && !b.has_window_kernel(y, channels / heads);
  if (is_moved) y = windows.shifted(y, channels);
  const Value qkv = b.linear(y, attn["qkv"]);
  const std::int64_t positions = 2 * windows.window() - 1;
  const Value table = b.parameter(attn, "relative_position_bias_table", {positions * positions, heads});
  const Value attended = window_attention(b, windows, qkv, table, {heads, channels}, shifted);
  y = b.mark(attn, b.linear(attended, attn["proj"]), 3);
  if (is_moved) y = windows.shifted_back(y, channels);
  x = b.add_tokens(x, y);

  const Value hidden = b.gelu(b.linear(b.layer_norm(x, m["norm2"]), m["mlp"]["fc1"]));
  return b.add_tokens(x, b.linear(hidden, m["mlp"]["fc2"]));
}

/// Residual Swin transformer block, x [B, h, w, C].
Value rstb(Builder& b, Windows& windows, const Module& m, const Value& x, std::int64_t heads) {
  const Module blocks = m["residual_group"]["blocks"];
  const std::int64_t channels = blocks[0].size("norm1.weight", 0);
  Value y = windows.partition(x, channels);
  for (std::int64_t i = 0; blocks[i].has("norm1.weight"); ++i) {
    y = swin_block(b, windows, blocks[i], y, heads, /*shifted=*/i % 2 == 1);
    if (b.is_marked(blocks[i])) b.mark(blocks[i], windows.reverse(y, channels), 4);
  }
  y = windows.reverse(y, channels);
  return b.mark(m, b.add(to_nhwc(b, b.conv(to_nchw(b, y), m["conv"])), x), 4);
}

/// nearest+conv: as many doublings as the checkpoint has conv_up layers.
Value reconstruct(Builder& b, const Module& m, Value h) {
  h = b.leaky_relu(b.conv(h, m["conv_before_upsample"][0]), 0.01F);
  for (std::int64_t k = 1; m.has("conv_up" + std::to_string(k) + ".weight"); ++k) {
    h = b.leaky_relu(b.conv(b.upsample_nearest(h, 2), m["conv_up" + std::to_string(k)]), 0.2F);
  }
  return b.conv(b.to_float32(b.leaky_relu(b.conv(h, m["conv_hr"]), 0.2F)), m["conv_last"]);
}

}  // namespace

Graph swinir(const Module& m, const SwinIRConfig& config, const graph::BuildOptions& options) {
  Builder b(options);
  const std::int64_t window = config.window_size;
  const Value x = b.input("x", {-1, 3, -1, -1}, Element::float32);
  const Value mean = b.constant(Tensor({1, 3, 1, 1}, rgb_mean), Element::float32);

  const Value padded = b.pad_to_multiples_of(x, window, "reflect");
  const Value unshuffled = b.pixel_unshuffle(b.to_working(b.sub(padded, mean)), swinir_unshuffle(m));
  const Value shallow = b.mark(m["conv_first"], b.conv(unshuffled, m["conv_first"][1]), 4);

  Windows windows = Windows::of(b, shallow, window, masked);
  Value h = b.mark(m["patch_embed"], b.layer_norm(to_nhwc(b, shallow), m["patch_embed"]["norm"]), 4);
  for (std::int64_t layer = 0; m["layers"][layer].has("conv.weight"); ++layer) {
    if (layer >= static_cast<std::int64_t>(config.num_heads.size())) {
      throw Error(ErrorCode::model_mismatch, "Expected num_heads to have an entry for each of the layers of " +
                                                 m.file() + " but it has " + std::to_string(config.num_heads.size()));
    }
    h = rstb(b, windows, m["layers"][layer], h, config.num_heads[layer]);
  }
  h = to_nchw(b, b.mark(m["norm"], b.layer_norm(h, m["norm"]), 4));
  h = b.add(b.mark(m["conv_after_body"], b.conv(h, m["conv_after_body"]), 4), shallow);

  b.output("out", b.add(reconstruct(b, m, h), mean), 4);
  return b.finish();
}

std::int64_t swinir_unshuffle(const Module& m) {
  const std::int64_t channels = m.size("conv_first.1.weight", 1);
  const auto factor = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(channels) / 3.0)));
  if (factor * factor * 3 == channels) return factor;
  throw Error(ErrorCode::model_mismatch, "Expected " + m.key("conv_first.1.weight") + " in " + m.file() +
                                             " to take 3 r^2 channels of an unshuffled picture but it takes " +
                                             std::to_string(channels));
}

}  // namespace diffbir::nets
