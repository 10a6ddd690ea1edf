#pragma once

#include "graph/builder.h"

namespace diffbir::nets {

/// RetinaFace on ResNet-50 (Deng et al. 2020; behaviour.md 5.8): where faces are, and five landmarks of each.
/// Input: x [B,3,H,W], 0..255 less retinaface_mean, BGR as it was trained; any size. Outputs, N places of two anchors
/// each over the feature maps at 1/8, 1/16 and 1/32 (row-major, sizes rounded up): boxes [B,N,4], scores [B,N,2]
/// (softmax of no face, face) and landmarks [B,N,10], boxes and landmarks relative to their anchors.
graph::Graph retinaface(const graph::Module& m, const graph::BuildOptions& options = {});

/// What is subtracted from the three channels, in their order.
inline constexpr float retinaface_mean[] = {104, 117, 123};

}  // namespace diffbir::nets
