#pragma once

#include <set>
#include <string>

#include "graph/builder.h"
#include "nets/unet_blocks.h"

namespace diffbir::nets {

/// Stable Diffusion 2.1's UNet as ControlNet steers it (Rombach et al. 2022; behaviour.md 5.4).
/// Inputs: x [B,z,h,w] with h, w multiples of 8, t [B] in 0..999, context [B,n,context_dim], control_0..control_n
/// (one per input block, then the middle block), strength [1] that scales them all. Output: out [B,z,h,w], eps or v.
graph::Graph unet(const graph::Module& m, const UNetConfig& config, const std::set<std::string>& marks = {});

/// Inputs and outputs of UNet and ControlNet that stand for the 13 control residuals.
std::string control_name(std::size_t index);

}  // namespace diffbir::nets
