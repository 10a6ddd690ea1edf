#include "nets/rrdbnet.h"

#include <cmath>
#include <vector>

#include "core/error.h"

namespace diffbir::nets {

using graph::Builder;
using graph::Graph;
using graph::Module;
using graph::Value;

namespace {

constexpr float slope = 0.2F;           // of every LeakyReLU
constexpr float residual_scale = 0.2F;  // of every dense and residual-in-residual block

/// What the two published layouts call the same layers.
struct Layout {
  const char* trunk;
  const char* dense;
  const char* trunk_conv;
  std::vector<std::string> upsampling;
  const char* hr;
};
const Layout kair{"RRDB_trunk", "RDB", "trunk_conv", {"upconv1", "upconv2"}, "HRconv"};
const Layout realesrgan{"body", "rdb", "conv_body", {"conv_up1", "conv_up2"}, "conv_hr"};

bool has_layout(const Module& m, const Layout& layout) {
  return m[layout.trunk][0].has(std::string(layout.dense) + "1.conv1.weight") && m.has("conv_first.weight");
}

const Layout& layout_of(const Module& m) {
  for (const Layout* layout : {&kair, &realesrgan}) {
    if (has_layout(m, *layout)) return *layout;
  }
  throw Error(ErrorCode::model_mismatch, "Expected the keys of an RRDBNet (RRDB_trunk... or body...) in " + m.file());
}

Value residual_dense_block(Builder& b, const Module& m, const Value& x) {
  std::vector<Value> features{x};
  for (int i = 1; i <= 4; ++i) {
    const Value input = features.size() == 1 ? x : b.concat(features, 1);
    features.push_back(b.leaky_relu(b.conv(input, m["conv" + std::to_string(i)]), slope));
  }
  return b.add(b.scale(b.conv(b.concat(features, 1), m["conv5"]), residual_scale), x);
}

Value rrdb(Builder& b, const Module& m, const Layout& layout, const Value& x) {
  Value h = x;
  for (int i = 1; i <= 3; ++i) h = residual_dense_block(b, m[layout.dense + std::to_string(i)], h);
  return b.mark(m, b.add(b.scale(h, residual_scale), x), 4);
}

}  // namespace

Graph rrdbnet(const Module& m, const graph::BuildOptions& options) {
  const Layout& layout = layout_of(m);
  const std::int64_t unshuffle = rrdbnet_unshuffle(m);
  Builder b(options);
  Value x = b.input("x", {-1, 3, -1, -1});
  if (unshuffle > 1) x = b.pixel_unshuffle(x, unshuffle);

  const auto conv = [&](const Value& input, const std::string& name) {
    return b.mark(m[name], b.conv(input, m[name]), 4);
  };
  const Value shallow = conv(x, "conv_first");
  Value h = shallow;
  const Module trunk = m[layout.trunk];
  for (std::int64_t i = 0; trunk[i].has(std::string(layout.dense) + "1.conv1.weight"); ++i) {
    h = rrdb(b, trunk[i], layout, h);
  }
  h = b.add(shallow, conv(h, layout.trunk_conv));
  for (const std::string& name : layout.upsampling) {
    if (m.has(name + ".weight")) h = b.leaky_relu(conv(b.upsample_nearest(h, 2), name), slope);
  }
  h = b.leaky_relu(conv(h, layout.hr), slope);
  b.output("out", b.conv(b.to_float32(h), m["conv_last"]), 4);
  return b.finish();
}

bool is_rrdbnet(const Module& m) { return has_layout(m, kair) || has_layout(m, realesrgan); }

std::int64_t rrdbnet_unshuffle(const Module& m) {
  const std::int64_t channels = m.size("conv_first.weight", 1);
  const auto factor = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(channels) / 3.0)));
  if (factor * factor * 3 == channels) return factor;
  throw Error(ErrorCode::model_mismatch, "Expected conv_first of " + m.file() +
                                             " to take 3, 12 or 48 channels but it takes " + std::to_string(channels));
}

std::int64_t rrdbnet_scale(const Module& m) {
  std::int64_t scale = 1;
  for (const std::string& name : layout_of(m).upsampling) scale *= m.has(name + ".weight") ? 2 : 1;
  return scale / rrdbnet_unshuffle(m);
}

}  // namespace diffbir::nets
