#include "nets/unet.h"

#include <vector>

#include "core/error.h"

namespace diffbir::nets {

using graph::Activation;
using graph::Builder;
using graph::Graph;
using graph::Module;
using graph::Value;

std::string control_name(std::size_t index) { return "control_" + std::to_string(index); }

Graph unet(const Module& m, const UNetConfig& config, const std::set<std::string>& marks) {
  Builder b(marks, config.norm_num_groups);
  const std::int64_t channels = m.size("input_blocks.0.0.weight", 1);
  const Value x = b.input("x", {-1, channels, -1, -1});
  const Value t = b.input("t", {-1});
  const Value text = b.input("context", {-1, -1, -1});
  const Value strength = b.input("strength", {1});

  const UNetContext c{time_embedding(b, m, t), text, config};
  const EncoderOutputs encoder = unet_encoder(b, m, x, c);

  const auto control = [&](std::size_t index) {
    return b.mul(b.input(control_name(index), {-1, -1, -1, -1}), strength);
  };
  const std::size_t levels = encoder.skips.size();
  const Module output_blocks = m["output_blocks"];
  if (static_cast<std::size_t>(count_blocks(output_blocks)) != levels) {
    throw Error(ErrorCode::model_mismatch, "Expected as many output_blocks as input_blocks in " + m.file());
  }

  Value h = b.add(encoder.middle, control(levels));
  for (std::size_t i = 0; i < levels; ++i) {
    const std::size_t level = levels - 1 - i;
    const Value skip = b.add(encoder.skips[level], control(level));
    h = timestep_block(b, output_blocks[static_cast<std::int64_t>(i)], b.concat({h, skip}, 1), c);
  }
  h = b.group_norm(h, m["out"][0], 1e-5F, Activation::silu);
  b.output("out", b.conv(h, m["out"][2]), 4);
  return b.finish();
}

}  // namespace diffbir::nets
