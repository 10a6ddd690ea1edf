#pragma once

#include <string>
#include <vector>

#include "graph/builder.h"
#include "nets/unet_blocks.h"

namespace diffbir::nets {

/// Stable Diffusion 2.1's UNet as ControlNet steers it (Rombach et al. 2022; behaviour.md 5.4).
/// Inputs: x [B,z,h,w] with h, w multiples of 8, t [B] in 0..999, context [P B,n,context_dim] of P prompts for each
/// latent, prompt after prompt, strength [1] that scales all controls, control_n..control_0 (of the middle block, then
/// of the input blocks from the last to the first), each with a batch of P B. Output: out [P B,z,h,w], eps or v.
graph::Graph unet(const graph::Module& m, const UNetConfig& config, const graph::BuildOptions& options = {});

/// Inputs and outputs of UNet and ControlNet that stand for the 13 control residuals.
std::string control_name(std::size_t index);

/// The decoder half alone, for features that its encoder gave at another timestep (Li et al. 2024, "Faster diffusion:
/// rethinking the role of UNet encoder"). Inputs: t, context, strength, skip_0..skip_(n-1) with the batches that unet()
/// gives them, middle, control_n..control_0.
graph::Graph unet_decoder(const graph::Module& m, const UNetConfig& config, const graph::BuildOptions& options = {});
/// The marks of unet() whose outputs are skip_0..skip_(n-1) and middle.
std::vector<std::string> encoder_features(const graph::Module& m);

/// The first input block and the last output block alone, for what those between gave at another timestep (Ma et al.
/// 2024, "DeepCache"). Inputs: x, t, context, strength, deep, control_0.
graph::Graph unet_shallow(const graph::Module& m, const UNetConfig& config, const graph::BuildOptions& options = {});
/// The mark of unet() whose output is deep.
std::string deep_feature(const graph::Module& m);

}  // namespace diffbir::nets
