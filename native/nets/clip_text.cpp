#include "nets/clip_text.h"

namespace diffbir::nets {

using graph::Builder;
using graph::Graph;
using graph::Module;
using graph::Value;

namespace {

Value self_attention(Builder& b, const Module& m, const Value& x, std::int64_t heads) {
  const auto qkv = b.split(b.linear(x, m, "in_proj_weight", "in_proj_bias"), 3, -1);
  return b.linear(b.attention(qkv[0], qkv[1], qkv[2], {.heads = heads, .causal = true}), m["out_proj"]);
}

Value residual_attention_block(Builder& b, const Module& m, Value x, std::int64_t heads) {
  x = b.add_tokens(x, self_attention(b, m["attn"], b.layer_norm(x, m["ln_1"]), heads));
  const Value hidden = b.gelu(b.linear(b.layer_norm(x, m["ln_2"]), m["mlp"]["c_fc"]));
  x = b.add_tokens(x, b.linear(hidden, m["mlp"]["c_proj"]));
  return b.mark(m, x, 3);
}

std::int64_t count_layers(const Module& blocks) {
  std::int64_t count = 0;
  while (blocks[count].has("ln_1.weight")) ++count;
  return count;
}

}  // namespace

Graph clip_text(const Module& m, const ClipTextConfig& config, const graph::BuildOptions& options) {
  Builder b(options);
  const std::int64_t length = m.size("positional_embedding", 0);
  const Value ids = b.input_ids("ids", {-1, length});
  const Value tokens = b.gather(b.parameter(m, "token_embedding.weight", {-1, -1}), ids);
  Value x = b.add(tokens, b.parameter(m, "positional_embedding", {length, -1}));

  const Module blocks = m["transformer"]["resblocks"];
  const std::int64_t layers = config.layers > 0 ? config.layers : count_layers(blocks);
  for (std::int64_t i = 0; i < layers - 1; ++i) x = residual_attention_block(b, blocks[i], x, config.heads);
  b.output("context", b.layer_norm(x, m["ln_final"]), 3);
  return b.finish();
}

}  // namespace diffbir::nets
