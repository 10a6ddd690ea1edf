#pragma once

#include "graph/builder.h"

namespace diffbir::nets {

/// ESRGAN's generator (Wang et al. 2018, section 3.1; behaviour.md 5.2) in either key layout: KAIR's (BSRNet:
/// RRDB_trunk, upconv1, HRconv) or Real-ESRGAN's (body, conv_up1, conv_hr). Real-ESRGAN's x2 and x1 models unshuffle
/// their input first. Input: x [B,3,H,W] in 0..1, sides multiples of the unshuffle factor. Output: out [B,3,sH,sW], s =
/// rrdbnet_scale().
graph::Graph rrdbnet(const graph::Module& m, const graph::BuildOptions& options = {});

/// Whether the checkpoint holds an RRDBNet of either layout.
bool is_rrdbnet(const graph::Module& m);

/// The enlargement: 2 per upsampling convolution, divided by the unshuffle factor.
std::int64_t rrdbnet_scale(const graph::Module& m);

/// The factor by which the network unshuffles its input: 1, 2 or 4.
std::int64_t rrdbnet_unshuffle(const graph::Module& m);

}  // namespace diffbir::nets
