#include "nets/swinir.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace diffbir::nets {

using graph::Builder;
using graph::Graph;
using graph::Module;
using graph::Size;
using graph::Value;

namespace {

constexpr std::int64_t copy_size = 0;    // Reshape: this axis as in the input
constexpr std::int64_t infer_size = -1;  // Reshape: whatever is left

/// Channel means of DIV2K, subtracted before and added after the network.
const std::vector<float> rgb_mean{0.4488F, 0.4371F, 0.4040F};

struct Swin {
  Builder& b;
  std::int64_t window;
  Value attn_mask;      // [nW, 1, window^2, window^2]
  Size batch;           // B
  Size windows_across;  // w / window
};

/// [B, h, w, C] -> [B nW, window^2, C], windows row-major.
Value window_partition(const Swin& s, const Value& x, std::int64_t channels) {
  const Value strips = s.b.reshape(x, {infer_size, s.window, s.windows_across, s.window * channels});
  return s.b.reshape(s.b.transpose(strips, {0, 2, 1, 3}), {infer_size, s.window * s.window, channels});
}

/// The inverse; `like` is [B, h, w, C].
Value window_reverse(const Swin& s, const Value& windows, const Value& like, std::int64_t channels) {
  const Value strips = s.b.reshape(windows, {infer_size, s.windows_across, s.window, s.window * channels});
  return s.b.reshape_like(s.b.transpose(strips, {0, 2, 1, 3}), like);
}

/// torch.roll by `shift` along rows and columns of [B, h, w, C].
Value roll(Builder& b, Value x, std::int64_t shift) {
  for (const std::int64_t axis : {1, 2}) {
    x = b.concat({b.slice(x, axis, -shift, INT64_MAX), b.slice(x, axis, INT64_MIN, -shift)}, axis);
  }
  return x;
}

/// Gathers the learned table [(2 window - 1)^2, heads] into a bias [heads, window^2, window^2].
Value relative_position_bias(const Swin& s, const Module& m, std::int64_t heads) {
  const std::int64_t side = 2 * s.window - 1;
  const std::int64_t tokens = s.window * s.window;
  std::vector<std::int64_t> index;
  for (std::int64_t p = 0; p < tokens; ++p) {
    for (std::int64_t q = 0; q < tokens; ++q) {
      const std::int64_t dy = p / s.window - q / s.window + s.window - 1;
      const std::int64_t dx = p % s.window - q % s.window + s.window - 1;
      index.push_back(dy * side + dx);
    }
  }
  const Value table = s.b.parameter(m, "relative_position_bias_table", {side * side, heads});
  const Value pairs = s.b.reshape(s.b.gather(table, s.b.integers(index)), {tokens, tokens, heads});
  return s.b.transpose(pairs, {2, 0, 1});
}

/// W-MSA or SW-MSA over windows x [B nW, window^2, C].
Value window_attention(const Swin& s, const Module& m, const Value& x, std::int64_t heads, bool shifted) {
  const std::int64_t channels = m.size("proj.weight", 0);
  const std::int64_t tokens = s.window * s.window;
  const std::int64_t head_size = channels / heads;

  const Value qkv = s.b.reshape(s.b.linear(x, m["qkv"]), {infer_size, tokens, std::int64_t{3}, heads, head_size});
  const auto parts = s.b.split(s.b.transpose(qkv, {2, 0, 3, 1, 4}), 3, 0);
  const auto head = [&](const Value& part) { return s.b.reshape(part, {infer_size, heads, tokens, head_size}); };
  const Value q = s.b.scale(head(parts[0]), 1.0F / std::sqrt(static_cast<float>(head_size)));
  const Value k_transposed = s.b.transpose(head(parts[1]), {0, 1, 3, 2});

  Value logits = s.b.add(s.b.matmul(q, k_transposed), relative_position_bias(s, m, heads));
  if (shifted) {
    const Value per_window = s.b.reshape(logits, {s.batch, infer_size, heads, tokens, tokens});
    logits = s.b.reshape(s.b.add(per_window, s.attn_mask), {infer_size, heads, tokens, tokens});
  }
  const Value attended = s.b.matmul(s.b.softmax(logits), head(parts[2]));
  const Value joined = s.b.reshape(s.b.transpose(attended, {0, 2, 1, 3}), {infer_size, tokens, channels});
  return s.b.mark(m, s.b.linear(joined, m["proj"]), 3);
}

/// x [B, h, w, C]
Value swin_block(const Swin& s, const Module& m, Value x, std::int64_t heads, bool shifted) {
  const std::int64_t channels = m.size("norm1.weight", 0);
  const std::int64_t shift = shifted ? s.window / 2 : 0;

  Value y = s.b.layer_norm(x, m["norm1"]);
  if (shifted) y = roll(s.b, y, -shift);
  const Value windows = window_partition(s, y, channels);
  y = window_reverse(s, window_attention(s, m["attn"], windows, heads, shifted), y, channels);
  if (shifted) y = roll(s.b, y, shift);
  x = s.b.add(x, y);

  const Value hidden = s.b.gelu(s.b.linear(s.b.layer_norm(x, m["norm2"]), m["mlp"]["fc1"]));
  return s.b.add(x, s.b.linear(hidden, m["mlp"]["fc2"]));
}

Value to_nhwc(Builder& b, const Value& image) { return b.transpose(image, {0, 2, 3, 1}); }
Value to_nchw(Builder& b, const Value& x) { return b.transpose(x, {0, 3, 1, 2}); }

/// Residual Swin transformer block, x [B, h, w, C].
Value rstb(const Swin& s, const Module& m, const Value& x, std::int64_t heads) {
  Value y = x;
  const Module blocks = m["residual_group"]["blocks"];
  for (std::int64_t i = 0; blocks[i].has("norm1.weight"); ++i) {
    y = s.b.mark(blocks[i], swin_block(s, blocks[i], y, heads, /*shifted=*/i % 2 == 1), 4);
  }
  return s.b.add(to_nhwc(s.b, s.b.conv(to_nchw(s.b, y), m["conv"])), x);
}

/// nearest+conv: as many doublings as the checkpoint has conv_up layers.
Value reconstruct(Builder& b, const Module& m, Value h) {
  h = b.leaky_relu(b.conv(h, m["conv_before_upsample"][0]), 0.01F);
  for (std::int64_t k = 1; m.has("conv_up" + std::to_string(k) + ".weight"); ++k) {
    h = b.leaky_relu(b.conv(b.upsample_nearest(h, 2), m["conv_up" + std::to_string(k)]), 0.2F);
  }
  return b.conv(b.leaky_relu(b.conv(h, m["conv_hr"]), 0.2F), m["conv_last"]);
}

}  // namespace

Graph swinir(const Module& m, const SwinIRConfig& config, const std::set<std::string>& marks) {
  Builder b(marks);
  const std::int64_t window = config.window_size;
  const std::int64_t tokens = window * window;
  const Value x = b.input("x", {-1, 3, -1, -1});
  const Value attn_mask = b.input("attn_mask", {-1, 1, tokens, tokens});
  const Value mean = b.constant(Tensor({1, 3, 1, 1}, rgb_mean));

  const Value padded = b.pad_reflect_to_multiples_of(x, window);
  const Value unshuffled = b.pixel_unshuffle(b.sub(padded, mean), swinir_unshuffle(m));
  const Value shallow = b.mark(m["conv_first"], b.conv(unshuffled, m["conv_first"][1]), 4);

  const Swin s{b, window, attn_mask, b.dim(shallow, 0), b.divide(b.dim(shallow, 3), window)};
  Value h = b.mark(m["patch_embed"], b.layer_norm(to_nhwc(b, shallow), m["patch_embed"]["norm"]), 4);
  for (std::int64_t layer = 0; m["layers"][layer].has("conv.weight"); ++layer) {
    if (layer >= static_cast<std::int64_t>(config.num_heads.size())) {
      throw Error(ErrorCode::model_mismatch, "Expected num_heads to have an entry for each of the layers of " +
                                                 m.file() + " but it has " + std::to_string(config.num_heads.size()));
    }
    h = b.mark(m["layers"][layer], rstb(s, m["layers"][layer], h, config.num_heads[layer]), 4);
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

Tensor swinir_attention_mask(std::int64_t h, std::int64_t w, std::int64_t window) {
  const std::int64_t shift = window / 2;
  // Cyclic shifting brings three regions together along each axis; only the last window sees more than one.
  const auto region = [&](std::int64_t position, std::int64_t size) {
    return position < size - window ? 0 : position < size - shift ? 1 : 2;
  };
  const std::int64_t tokens = window * window;
  const std::int64_t across = w / window;
  Tensor mask({h / window * across, 1, tokens, tokens});
  for (std::int64_t n = 0; n < mask.dim(0); ++n) {
    std::vector<std::int64_t> label;
    for (std::int64_t t = 0; t < tokens; ++t) {
      const std::int64_t y = n / across * window + t / window;
      const std::int64_t x = n % across * window + t % window;
      label.push_back(3 * region(y, h) + region(x, w));
    }
    float* values = mask.data() + n * tokens * tokens;
    for (std::int64_t p = 0; p < tokens; ++p) {
      for (std::int64_t q = 0; q < tokens; ++q) values[p * tokens + q] = label[p] == label[q] ? 0.0F : -100.0F;
    }
  }
  return mask;
}

}  // namespace diffbir::nets
