#include "nets/scunet.h"

#include <limits>
#include <map>

#include "nets/window_attention.h"

namespace diffbir::nets {

using graph::Builder;
using graph::Graph;
using graph::Module;
using graph::Value;

namespace {

constexpr std::int64_t window = 8;

bool is_block(const Module& m) { return m.has("trans_block.ln1.weight"); }

/// params [heads, 15, 15] -> bias [heads, 64, 64]
Value relative_position_bias(Builder& b, const Module& m, std::int64_t heads) {
  const std::int64_t side = 2 * window - 1;
  const std::int64_t tokens = window * window;
  const Value params = b.parameter(m, "relative_position_params", {heads, side, side});
  const Value table = b.transpose(b.reshape(params, {heads, side * side}), {1, 0});
  const Value pairs = b.gather(table, b.integers(relative_position_index(window)));
  return b.transpose(b.reshape(pairs, {tokens, tokens, heads}), {2, 0, 1});
}

/// The transformer half, x [B, h, w, C].
Value trans_block(Builder& b, const WindowGrid& grid, const Module& m, Value x, bool shifted) {
  const Module msa = m["msa"];
  const std::int64_t channels = msa.size("linear.weight", 0);
  const std::int64_t heads = msa.size("relative_position_params", 0);
  require_heads(msa, channels, heads);

  Value y = b.layer_norm(x, m["ln1"]);
  if (shifted) y = roll(b, y, -window / 2);
  const Value qkv = b.linear(window_partition(b, grid, y, channels), msa["embedding_layer"]);
  const Value bias = relative_position_bias(b, msa, heads);
  const Value attended = window_attention(b, grid, qkv, bias, heads, channels, shifted);
  y = window_reverse(b, grid, b.linear(attended, msa["linear"]), channels);
  if (shifted) y = roll(b, y, window / 2);
  x = b.add(x, y);
  return b.add(x, b.linear(b.gelu(b.linear(b.layer_norm(x, m["ln2"]), m["mlp"][0])), m["mlp"][2]));
}

Value conv_trans_block(Builder& b, const WindowGrid& grid, const Module& m, const Value& x, bool shifted) {
  const std::int64_t conv_channels = m.size("conv_block.0.weight", 0);
  const std::int64_t trans_channels = m.size("trans_block.ln1.weight", 0);
  const Value sizes = b.integers({conv_channels, trans_channels});
  const auto halves = b.op_n("Split", {b.conv(x, m["conv1_1"]), sizes}, 2, {{"axis", std::int64_t{1}}});

  const Value residual = b.conv(b.relu(b.conv(halves[0], m["conv_block"][0])), m["conv_block"][2]);
  const Value conv = b.add(residual, halves[0]);
  const Value trans = to_nchw(b, trans_block(b, grid, m["trans_block"], to_nhwc(b, halves[1]), shifted));
  return b.mark(m, b.add(x, b.conv(b.concat({conv, trans}, 1), m["conv1_2"])), 4);
}

/// The blocks of one stage that stand from `first` on; even ones look at plain windows, odd ones at shifted ones.
Value blocks(Builder& b, const Value& mask, const Module& stage, std::int64_t first, Value x) {
  const graph::Size width = b.dim(x, 3);
  const WindowGrid grid{window, b.dim(x, 0), width, b.divide(width, window), mask};
  for (std::int64_t i = 0; is_block(stage[first + i]); ++i) {
    x = conv_trans_block(b, grid, stage[first + i], x, /*shifted=*/i % 2 == 1);
  }
  return x;
}

std::int64_t count_blocks(const Module& stage) {
  std::int64_t count = 0;
  while (is_block(stage[count])) ++count;
  return count;
}

/// Masks by level. A level without one has no block that reads it, so that an empty value does for its grid.
using Masks = std::map<int, Value>;

Value down(Builder& b, const Value& mask, const Module& stage, const Value& x) {
  const Module halving = stage[count_blocks(stage)];
  const Value h = b.conv(blocks(b, mask, stage, 0, x), halving, {.stride = 2, .padding = {0, 0, 0, 0}});
  b.mark(halving, h, 4);
  return b.mark(stage, h, 4);
}

Value up(Builder& b, const Value& mask, const Module& stage, const Value& x) {
  return b.mark(stage, blocks(b, mask, stage, 1, b.conv_transpose(x, stage[0], /*stride=*/2)), 4);
}

}  // namespace

Graph scunet(const Module& m, const graph::BuildOptions& options) {
  Builder b(options);
  const Value x = b.input("x", {-1, 3, -1, -1});
  Masks mask;
  for (const int level : scunet_masked_levels(m)) {
    mask[level] = b.input("attn_mask_" + std::to_string(level), {-1, 1, window * window, window * window},
                          graph::Element::float32);
  }
  const Value x1 = b.mark(m["m_head"], b.conv(b.pad_to_multiples_of(x, scunet_alignment, "edge"), m["m_head"][0]), 4);
  const Value x2 = down(b, mask[0], m["m_down1"], x1);
  const Value x3 = down(b, mask[1], m["m_down2"], x2);
  const Value x4 = down(b, mask[2], m["m_down3"], x3);
  Value h = b.mark(m["m_body"], blocks(b, mask[3], m["m_body"], 0, x4), 4);
  h = up(b, mask[2], m["m_up3"], b.add(h, x4));
  h = up(b, mask[1], m["m_up2"], b.add(h, x3));
  h = up(b, mask[0], m["m_up1"], b.add(h, x2));
  h = b.conv(b.to_float32(b.add(h, x1)), m["m_tail"][0]);
  b.output("out", b.crop_like(h, x), 4);
  return b.finish();
}

std::vector<int> scunet_masked_levels(const Module& m) {
  const auto shifts = [](const Module& stage, std::int64_t first) { return is_block(stage[first + 1]); };
  std::vector<int> levels;
  for (const int level : {0, 1, 2}) {
    const std::string number = std::to_string(level + 1);
    if (shifts(m["m_down" + number], 0) || shifts(m["m_up" + number], 1)) levels.push_back(level);
  }
  if (shifts(m["m_body"], 0)) levels.push_back(3);
  return levels;
}

bool is_scunet(const Module& m) { return m.has("m_head.0.weight") && m.has("m_tail.0.weight"); }

Tensor scunet_attention_mask(std::int64_t h, std::int64_t w, std::int64_t side) {
  return shifted_window_mask(h, w, side, -std::numeric_limits<float>::infinity());
}

}  // namespace diffbir::nets
