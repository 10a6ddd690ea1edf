#pragma once

#include <cstdint>
#include <vector>

#include "graph/builder.h"

namespace diffbir::nets {

/// What the shapes of an SD 2.1 UNet or ControlNet cannot tell (names of the reference's unet_cfg and of diffusers).
struct UNetConfig {
  std::int64_t num_head_channels = 64;
};

/// Inputs that every block sees.
struct UNetContext {
  graph::Value emb;      // [B, 4 model_channels], after time_embed
  graph::Value context;  // [B, n, context_dim], the text embedding
  UNetConfig config;
};

/// time_embed(timestep_embedding(t)): t [B] in float32 -> [B, 4 model_channels]; cosines first (behaviour.md 5.4).
graph::Value time_embedding(graph::Builder& b, const graph::Module& m, const graph::Value& t);

/// ResBlock without scale-shift norm: x [B,C,H,W] -> [B,C',H,W].
graph::Value res_block(graph::Builder& b, const graph::Module& m, const graph::Value& x, const UNetContext& c);

/// SpatialTransformer with linear projections: self-attention, cross-attention to the text, GEGLU feed-forward.
graph::Value spatial_transformer(graph::Builder& b, const graph::Module& m, const graph::Value& x,
                                 const UNetContext& c);

/// One entry of input_blocks, middle_block or output_blocks: a sequence whose parts are what their keys say they are
/// (ResBlock, SpatialTransformer, Downsample, Upsample, or the first convolution).
graph::Value timestep_block(graph::Builder& b, const graph::Module& m, const graph::Value& x, const UNetContext& c);

/// The encoder half that UNet and ControlNet share: the output of every input block, and of the middle block.
struct EncoderOutputs {
  std::vector<graph::Value> skips;
  graph::Value middle;
};
EncoderOutputs unet_encoder(graph::Builder& b, const graph::Module& m, const graph::Value& x, const UNetContext& c);

/// The outputs of the first `count` input blocks.
std::vector<graph::Value> input_blocks(graph::Builder& b, const graph::Module& m, const graph::Value& x,
                                       const UNetContext& c, std::int64_t count);

/// Output channels of every input block: two networks of one geometry, a UNet and its ControlNet, have the same.
std::vector<std::int64_t> encoder_channels(const graph::Module& m);

/// Width of the text embedding that the cross-attentions of a UNet or ControlNet take.
std::int64_t context_width(const graph::Module& m);

/// Number of entries of a ModuleList of timestep blocks (input_blocks, output_blocks) in the checkpoint.
std::int64_t count_blocks(const graph::Module& list);

}  // namespace diffbir::nets
