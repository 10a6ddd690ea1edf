#include "nets/unet.h"

#include <vector>

#include "core/error.h"

namespace diffbir::nets {

using graph::Activation;
using graph::Builder;
using graph::Graph;
using graph::Module;
using graph::Value;

namespace {

UNetContext context_of(Builder& b, const Module& m, const UNetConfig& config) {
  const Value t = b.input("t", {-1}, graph::Element::float32);
  return {b, m, t, b.input("context", {-1, -1, -1}), config};
}

/// What every form of the UNet is given, and how many levels it has.
struct Ports {
  Ports(Builder& b, const Module& m, const UNetConfig& config)
      : levels(static_cast<std::size_t>(count_blocks(m["input_blocks"]))),
        unforked(unforked_blocks(m)),
        c(context_of(b, m, config)),
        strength(b.input("strength", {1})),
        skip_channels(encoder_channels(m)) {
    if (static_cast<std::size_t>(count_blocks(m["output_blocks"])) != levels) {
      throw Error(ErrorCode::model_mismatch, "Expected as many output_blocks as input_blocks in " + m.file());
    }
  }
  std::size_t levels;
  std::size_t unforked;  // of those, before the first that looks at the text
  UNetContext c;
  Value strength;
  std::vector<std::int64_t> skip_channels;
};

Value feature_map(Builder& b, const std::string& name) { return b.feature_map(b.input(name, {-1, -1, -1, -1})); }

Value latent(Builder& b, const Module& m) { return b.input("x", {-1, m.size("input_blocks.0.0.weight", 1), -1, -1}); }

Value control(Builder& b, std::size_t index, const Ports& ports) {
  return b.scale(b.map_input(control_name(index)), ports.strength);
}

/// The blocks of the decoder that meet these skip connections, the deepest first, and the last convolution.
Value decode(Builder& b, const Module& m, Value h, const std::vector<Value>& skips, Ports& ports) {
  for (std::size_t level = skips.size(); level-- > 0;) {
    const Module block = m["output_blocks"][static_cast<std::int64_t>(ports.levels - 1 - level)];
    const std::int64_t channels = block[0].size("in_layers.0.weight", 0) - ports.skip_channels[level];
    if (b.has_concat_kernel(h, channels, ports.skip_channels[level])) {
      h = b.controlled_concat(h, skips[level], b.map_input(control_name(level)), ports.strength);
    } else {
      const Value own = level < ports.unforked ? ports.c.each_prompt(b, skips[level], 4) : skips[level];
      h = b.concat_maps(h, channels, b.add(own, control(b, level, ports)), ports.skip_channels[level]);
    }
    h = timestep_block(b, block, h, ports.c);
  }
  return b.conv(b.to_float32(b.group_norm(h, m["out"][0], 1e-5F, Activation::silu)), m["out"][2]);
}

}  // namespace

std::string control_name(std::size_t index) { return "control_" + std::to_string(index); }

Graph unet(const Module& m, const UNetConfig& config, const graph::BuildOptions& options) {
  Builder b(options);
  b.paired();
  const Value x = latent(b, m);
  Ports ports(b, m, config);
  const EncoderOutputs encoder = unet_encoder(b, m, x, ports.c);
  const Value h = b.add(encoder.middle, control(b, ports.levels, ports));
  b.output("out", decode(b, m, h, encoder.skips, ports), 4);
  return b.finish();
}

Graph unet_decoder(const Module& m, const UNetConfig& config, const graph::BuildOptions& options) {
  Builder b(options);
  b.paired();
  Ports ports(b, m, config);
  std::vector<Value> skips;
  for (std::size_t level = 0; level < ports.levels; ++level)
    skips.push_back(feature_map(b, "skip_" + std::to_string(level)));
  const Value middle = feature_map(b, "middle");
  ports.c.fork(b);
  const Value h = b.add(middle, control(b, ports.levels, ports));
  b.output("out", decode(b, m, h, skips, ports), 4);
  return b.finish();
}

std::vector<std::string> encoder_features(const Module& m) {
  std::vector<std::string> paths;
  for (std::int64_t i = 0; i < count_blocks(m["input_blocks"]); ++i) paths.push_back(m["input_blocks"][i].path());
  paths.push_back(m["middle_block"].path());
  return paths;
}

Graph unet_shallow(const Module& m, const UNetConfig& config, const graph::BuildOptions& options) {
  Builder b(options);
  b.paired();
  const Value x = latent(b, m);
  Ports ports(b, m, config);
  const std::vector<Value> skips = input_blocks(b, m, x, ports.c, 1);
  const Value deep = feature_map(b, "deep");
  ports.c.fork(b);
  b.output("out", decode(b, m, deep, skips, ports), 4);
  return b.finish();
}

std::string deep_feature(const Module& m) { return m["output_blocks"][count_blocks(m["output_blocks"]) - 2].path(); }

}  // namespace diffbir::nets
