#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "graph/builder.h"

namespace diffbir::nets {

/// SCUNet (Zhang et al. 2022, figure 2; behaviour.md 5.3): a U-net of blocks that are half convolution, half Swin
/// transformer. Inputs: x [B,3,H,W] in 0..1, any size (the network replicates the border up to multiples of 64 and
/// crops again); for each of scunet_masked_levels() attn_mask_0..attn_mask_3, from scunet_attention_mask() for the
/// padded size and its halves. Output: out [B,3,H,W].
graph::Graph scunet(const graph::Module& m, const graph::BuildOptions& options = {});

/// Whether the checkpoint holds a SCUNet.
bool is_scunet(const graph::Module& m);

/// The mask of one level: shifted_window_mask with minus infinity.
Tensor scunet_attention_mask(std::int64_t h, std::int64_t w, std::int64_t window = 8);

/// Which of the feature maps at 1, 1/2, 1/4 and 1/8 of the padded size (0..3) have shifted windows: all in the official
/// network. A mask is large, 67 MB at full resolution for 512 x 512 pixels.
std::vector<int> scunet_masked_levels(const graph::Module& m);
inline constexpr std::int64_t scunet_alignment = 64;

}  // namespace diffbir::nets
