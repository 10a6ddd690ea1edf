#include "nets/srvgg.h"

#include <cmath>

#include "core/error.h"

namespace diffbir::nets {

using graph::Builder;
using graph::Graph;
using graph::Module;
using graph::Value;

namespace {

bool is_conv(const Module& m) { return m.has("weight") && m.parameter("weight").shape.size() == 4; }

std::int64_t last_layer(const Module& body) {
  std::int64_t count = 0;
  while (body[count].has("weight")) ++count;
  return count - 1;
}

Value prelu(Builder& b, const Module& m, const Value& x) {
  const Value slopes = b.parameter(m, "weight", {-1});
  return b.op("PRelu", {x, b.reshape(slopes, {std::int64_t{-1}, std::int64_t{1}, std::int64_t{1}})});
}

}  // namespace

Graph srvgg(const Module& m, const graph::BuildOptions& options) {
  Builder b(options);
  const Value x = b.input("x", {-1, 3, -1, -1}, graph::Element::float32);
  const Module body = m["body"];
  const std::int64_t last = last_layer(body);
  Value h = b.to_working(x);
  for (std::int64_t i = 0; i < last; ++i) h = is_conv(body[i]) ? b.conv(h, body[i]) : prelu(b, body[i], h);
  h = b.conv(b.to_float32(h), body[last]);
  const std::int64_t scale = srvgg_scale(m);
  b.output("out", b.add(b.pixel_shuffle(h, scale), b.upsample_nearest(x, scale)), 4);
  return b.finish();
}

bool is_srvgg(const Module& m) {
  return m.has("body.1.weight") && is_conv(m["body"][0]) && m.parameter("body.1.weight").shape.size() == 1;
}

std::int64_t srvgg_scale(const Module& m) {
  const Module last = m["body"][last_layer(m["body"])];
  const std::int64_t channels = last.size("weight", 0);
  const auto scale = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(channels) / 3.0)));
  if (scale * scale * 3 == channels) return scale;
  throw Error(ErrorCode::model_mismatch, "Expected " + last.key("weight") + " in " + m.file() +
                                             " to make 3 s^2 channels but it makes " + std::to_string(channels));
}

}  // namespace diffbir::nets
