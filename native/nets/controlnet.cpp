#include "nets/controlnet.h"

#include "nets/unet.h"

namespace diffbir::nets {

using graph::Builder;
using graph::Graph;
using graph::Module;
using graph::Value;

Graph controlnet(const Module& m, const UNetConfig& config, const graph::BuildOptions& options) {
  Builder b(options);
  b.paired();
  const Value x = b.input("x", {-1, -1, -1, -1});
  const Value hint = b.input("hint", {-1, -1, -1, -1});
  const Value t = b.input("t", {-1}, graph::Element::float32);
  const Value text = b.input("context", {-1, -1, -1});

  UNetContext c(b, m, t, text, config);
  const EncoderOutputs encoder = unet_encoder(b, m, b.concat({x, hint}, 1), c);

  for (std::size_t i = 0; i < encoder.skips.size(); ++i) {
    const Module zero_conv = m["zero_convs"][static_cast<std::int64_t>(i)][0];
    const Value skip = i < unforked_blocks(m) ? c.each_prompt(b, encoder.skips[i], 4) : encoder.skips[i];
    b.map_output(control_name(i), b.conv(skip, zero_conv));
  }
  b.map_output(control_name(encoder.skips.size()), b.conv(encoder.middle, m["middle_block_out"][0]));
  return b.finish();
}

std::size_t control_count(const Module& m) { return static_cast<std::size_t>(count_blocks(m["input_blocks"])) + 1; }

}  // namespace diffbir::nets
