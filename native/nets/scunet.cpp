#include "nets/scunet.h"

#include <limits>

#include "nets/window_attention.h"

namespace diffbir::nets {

using graph::Builder;
using graph::Graph;
using graph::Module;
using graph::Value;
using graph::Windows;

namespace {

constexpr std::int64_t window = 8;
constexpr std::int64_t alignment = 64;
constexpr float masked = -std::numeric_limits<float>::infinity();

bool is_block(const Module& m) { return m.has("trans_block.ln1.weight"); }

/// params [heads, 15, 15] -> [15^2, heads]
Value relative_positions(Builder& b, const Module& m, std::int64_t heads) {
  const std::int64_t side = 2 * window - 1;
  const Value params = b.parameter(m, "relative_position_params", {heads, side, side});
  return b.transpose(b.reshape(params, {heads, side * side}), {1, 0});
}

/// The transformer half, x [B, h, w, C].
Value trans_block(Builder& b, Windows& windows, const Module& m, Value x, bool shifted) {
  const Module msa = m["msa"];
  const std::int64_t channels = msa.size("linear.weight", 0);
  const std::int64_t heads = msa.size("relative_position_params", 0);
  require_heads(msa, channels, heads);

  Value y = b.layer_norm(x, m["ln1"]);
  const bool is_moved = shifted && !b.has_window_kernel(y, channels / heads);
  if (is_moved) y = windows.roll(y);
  const Value qkv = b.linear(windows.partition(y, channels), msa["embedding_layer"]);
  const Value table = relative_positions(b, msa, heads);
  const Value attended = window_attention(b, windows, qkv, table, {heads, channels}, shifted);
  y = windows.reverse(b.linear(attended, msa["linear"]), channels);
  if (is_moved) y = windows.roll_back(y);
  x = b.add(x, y);
  return b.add(x, b.linear(b.gelu(b.linear(b.layer_norm(x, m["ln2"]), m["mlp"][0])), m["mlp"][2]));
}

Value conv_trans_block(Builder& b, Windows& windows, const Module& m, const Value& x, bool shifted) {
  const std::int64_t conv_channels = m.size("conv_block.0.weight", 0);
  const std::int64_t trans_channels = m.size("trans_block.ln1.weight", 0);
  const Value sizes = b.integers({conv_channels, trans_channels});
  const auto halves = b.op_n("Split", {b.conv(x, m["conv1_1"]), sizes}, 2, {{"axis", std::int64_t{1}}});

  const Value residual = b.conv(b.relu(b.conv(halves[0], m["conv_block"][0])), m["conv_block"][2]);
  const Value conv = b.add(residual, halves[0]);
  const Value trans = to_nchw(b, trans_block(b, windows, m["trans_block"], to_nhwc(b, halves[1]), shifted));
  return b.mark(m, b.add(x, b.conv(b.concat({conv, trans}, 1), m["conv1_2"])), 4);
}

/// The blocks of one stage that stand from `first` on; even ones look at plain windows, odd ones at shifted ones.
Value blocks(Builder& b, Windows& windows, const Module& stage, std::int64_t first, Value x) {
  for (std::int64_t i = 0; is_block(stage[first + i]); ++i) {
    x = conv_trans_block(b, windows, stage[first + i], x, /*shifted=*/i % 2 == 1);
  }
  return x;
}

std::int64_t count_blocks(const Module& stage) {
  std::int64_t count = 0;
  while (is_block(stage[count])) ++count;
  return count;
}

Value down(Builder& b, Windows& windows, const Module& stage, const Value& x) {
  const Module halving = stage[count_blocks(stage)];
  const Value h = b.conv(blocks(b, windows, stage, 0, x), halving, {.stride = 2, .padding = {0, 0, 0, 0}});
  b.mark(halving, h, 4);
  return b.mark(stage, h, 4);
}

Value up(Builder& b, Windows& windows, const Module& stage, const Value& x) {
  return b.mark(stage, blocks(b, windows, stage, 1, b.conv_transpose(x, stage[0], /*stride=*/2)), 4);
}

}  // namespace

Graph scunet(const Module& m, const graph::BuildOptions& options) {
  Builder b(options);
  const Value x = b.input("x", {-1, 3, -1, -1});
  const Value x1 = b.mark(m["m_head"], b.conv(b.pad_to_multiples_of(x, alignment, "edge"), m["m_head"][0]), 4);
  const auto windows_of = [&](const Value& map) { return Windows::of(b, map, window, masked); };
  Windows whole = windows_of(x1);
  const Value x2 = down(b, whole, m["m_down1"], x1);
  Windows half = windows_of(x2);
  const Value x3 = down(b, half, m["m_down2"], x2);
  Windows quarter = windows_of(x3);
  const Value x4 = down(b, quarter, m["m_down3"], x3);
  Windows eighth = windows_of(x4);
  Value h = b.mark(m["m_body"], blocks(b, eighth, m["m_body"], 0, x4), 4);
  h = up(b, quarter, m["m_up3"], b.add(h, x4));
  h = up(b, half, m["m_up2"], b.add(h, x3));
  h = up(b, whole, m["m_up1"], b.add(h, x2));
  h = b.conv(b.to_float32(b.add(h, x1)), m["m_tail"][0]);
  b.output("out", b.crop_like(h, x), 4);
  return b.finish();
}

bool is_scunet(const Module& m) { return m.has("m_head.0.weight") && m.has("m_tail.0.weight"); }

}  // namespace diffbir::nets
