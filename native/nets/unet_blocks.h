#pragma once

#include <cstdint>
#include <vector>

#include "graph/builder.h"

namespace diffbir::nets {

/// What the shapes of an SD 2.1 UNet or ControlNet cannot tell (names of the reference's unet_cfg and of diffusers).
struct UNetConfig {
  std::int64_t num_head_channels = 64;
};

/// What every block sees, of B latents with P prompts each. Until the first cross-attention nothing depends on the
/// prompt: blocks compute for the latents alone, and from there on for each prompt, in batches of P B, prompt after
/// prompt.
class UNetContext {
 public:
  /// t [B] in float32, context [P B, n, context_dim]: the text embeddings.
  UNetContext(graph::Builder& b, const graph::Module& m, const graph::Value& t, const graph::Value& context,
              UNetConfig config);

  /// [B, 4 model_channels], after time_embed and the SiLU of every block's emb_layers; [P B, ...] once forked.
  const graph::Value& emb() const noexcept { return emb_; }
  const graph::Value& context() const noexcept { return context_; }
  const UNetConfig& config() const noexcept { return config_; }

  /// From here on blocks compute for each prompt.
  void fork(graph::Builder& b);
  bool is_forked() const noexcept { return is_forked_; }
  /// x of so many axes with a batch of B -> the same with a batch of P B.
  graph::Value each_prompt(graph::Builder& b, const graph::Value& x, std::size_t axes) const;

 private:
  graph::Value emb_;
  graph::Value context_;
  UNetConfig config_;
  graph::Value prompts_;  // [1], P
  bool is_forked_ = false;
};

/// ResBlock without scale-shift norm: x [B,C,H,W] -> [B,C',H,W].
graph::Value res_block(graph::Builder& b, const graph::Module& m, const graph::Value& x, const UNetContext& c);

/// SpatialTransformer with linear projections: self-attention, cross-attention to the text, GEGLU feed-forward. The
/// first one forks.
graph::Value spatial_transformer(graph::Builder& b, const graph::Module& m, const graph::Value& x, UNetContext& c);

/// One entry of input_blocks, middle_block or output_blocks: a sequence whose parts are what their keys say they are
/// (ResBlock, SpatialTransformer, Downsample, Upsample, or the first convolution).
graph::Value timestep_block(graph::Builder& b, const graph::Module& m, const graph::Value& x, UNetContext& c);

/// The encoder half that UNet and ControlNet share: the output of every input block, the first unforked_blocks() of
/// them with a batch of B, and of the middle block.
struct EncoderOutputs {
  std::vector<graph::Value> skips;
  graph::Value middle;
};
EncoderOutputs unet_encoder(graph::Builder& b, const graph::Module& m, const graph::Value& x, UNetContext& c);

/// The outputs of the first `count` input blocks.
std::vector<graph::Value> input_blocks(graph::Builder& b, const graph::Module& m, const graph::Value& x, UNetContext& c,
                                       std::int64_t count);

/// Number of input blocks before the first that looks at the text.
std::size_t unforked_blocks(const graph::Module& m);

/// Output channels of every input block: two networks of one geometry, a UNet and its ControlNet, have the same.
std::vector<std::int64_t> encoder_channels(const graph::Module& m);

/// Width of the text embedding that the cross-attentions of a UNet or ControlNet take.
std::int64_t context_width(const graph::Module& m);

/// Number of entries of a ModuleList of timestep blocks (input_blocks, output_blocks) in the checkpoint.
std::int64_t count_blocks(const graph::Module& list);

}  // namespace diffbir::nets
