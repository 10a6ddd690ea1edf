#include "nets/parsenet.h"

namespace diffbir::nets {

using graph::Builder;
using graph::Graph;
using graph::Module;
using graph::Value;

namespace {

enum class Scale { keep, halve, twice };

/// A 3x3 convolution over the reflected border, normalised where the checkpoint has a norm for it.
Value conv_layer(Builder& b, Value x, const Module& m, Scale scale = Scale::keep) {
  if (scale == Scale::twice) x = b.upsample_nearest(x, 2);
  x = b.op("Pad", {x, b.integers({0, 0, 1, 1, 0, 0, 1, 1})}, {{"mode", std::string("reflect")}});
  x = b.conv(x, m["conv2d"], {.stride = scale == Scale::halve ? 2 : 1, .padding = {0, 0, 0, 0}});
  return m.has("norm.norm.weight") ? b.batch_norm(x, m["norm"]["norm"]) : x;
}

/// The first convolution doubles, the second halves.
Value residual_block(Builder& b, const Value& x, const Module& m, Scale scale) {
  const Module shortcut = m["shortcut_func"];
  const Value kept = shortcut.has("conv2d.weight") ? conv_layer(b, x, shortcut, scale) : x;
  const Value y = b.leaky_relu(conv_layer(b, x, m["conv1"], scale == Scale::twice ? scale : Scale::keep), 0.2F);
  return b.mark(m, b.add(kept, conv_layer(b, y, m["conv2"], scale == Scale::halve ? scale : Scale::keep)), 4);
}

Value blocks(Builder& b, Value x, const Module& m, std::int64_t first, Scale scale) {
  for (std::int64_t i = first; m[i].has("conv1.conv2d.weight"); ++i) x = residual_block(b, x, m[i], scale);
  return x;
}

}  // namespace

Graph parsenet(const Module& m, const graph::BuildOptions& options) {
  Builder b(options);
  const Value x = b.input("x", {-1, 3, -1, -1});
  Value h = blocks(b, conv_layer(b, x, m["encoder"][0]), m["encoder"], 1, Scale::halve);
  h = b.add(h, blocks(b, h, m["body"], 0, Scale::keep));
  h = blocks(b, h, m["decoder"], 0, Scale::twice);
  b.parameter(m["out_mask_conv"]["conv2d"], "weight", {parsenet_classes, -1, 3, 3});
  b.output("out", conv_layer(b, h, m["out_mask_conv"]), 4);
  return b.finish();
}

}  // namespace diffbir::nets
