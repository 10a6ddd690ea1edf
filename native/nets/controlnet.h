#pragma once

#include "graph/builder.h"
#include "nets/unet_blocks.h"

namespace diffbir::nets {

/// IRControlNet (DiffBIR paper, section 3.3; behaviour.md 5.5): the UNet's encoder with its own weights, fed with the
/// noisy latent and the condition latent side by side; zero convolutions carry every level's features to the UNet.
/// Inputs: x [B,z,h,w], hint [B,z,h,w] (the stage-1 latent), t [B], context [P B,n,context_dim] as for the UNet.
/// Outputs: control_0..control_n with a batch of P B, not yet scaled by the control strength.
graph::Graph controlnet(const graph::Module& m, const UNetConfig& config, const graph::BuildOptions& options = {});

/// Number of control residuals of the checkpoint: input blocks + 1.
std::size_t control_count(const graph::Module& m);

}  // namespace diffbir::nets
