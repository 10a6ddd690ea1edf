#pragma once

#include "graph/builder.h"

namespace diffbir::nets {

/// Real-ESRGAN's compact network, SRVGGNetCompact (Wang et al. 2021, Real-ESRGAN's realesr-general and animevideo
/// models): 3x3 convolutions with PReLU, pixel shuffle, plus the input enlarged by nearest neighbour. Input: x
/// [B,3,H,W] in 0..1, any size. Output: out [B,3,sH,sW], s = srvgg_scale().
graph::Graph srvgg(const graph::Module& m, const graph::BuildOptions& options = {});

/// Whether the checkpoint holds a compact network: body.0 convolves, body.1 has one slope a channel.
bool is_srvgg(const graph::Module& m);

/// The enlargement: the last convolution makes 3 s^2 channels.
std::int64_t srvgg_scale(const graph::Module& m);

}  // namespace diffbir::nets
