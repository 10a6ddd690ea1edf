#pragma once

#include <cstdint>

#include "graph/builder.h"

namespace diffbir::nets {

/// SCUNet (Zhang et al. 2022, figure 2; behaviour.md 5.3): a U-net of blocks that are half convolution, half Swin
/// transformer. Input: x [B,3,H,W] in 0..1, any size (the network replicates the border up to multiples of 64 and crops
/// again). Output: out [B,3,H,W].
graph::Graph scunet(const graph::Module& m, const graph::BuildOptions& options = {});

/// Whether the checkpoint holds a SCUNet.
bool is_scunet(const graph::Module& m);

}  // namespace diffbir::nets
