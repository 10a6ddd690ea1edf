#pragma once

#include <cstdint>
#include <vector>

#include "graph/builder.h"

namespace diffbir::nets {

/// What SwinIR's shapes cannot tell (names of the reference's configs/inference/swinir.yaml).
struct SwinIRConfig {
  std::vector<std::int64_t> num_heads;  // one per RSTB
  std::int64_t window_size = 8;
};

/// DiffBIR's SwinIR (Liang et al. 2021, with pixel unshuffle; behaviour.md 5.1), upsampler nearest+conv.
/// Input: x [B,3,H,W] in 0..1. The network itself reflects x up to multiples H', W' of the window only, so these must
/// be multiples of unshuffle * window too (the pipeline pads to 64). Output: out [B,3,H',W'], not clamped and, like the
/// reference's, not cropped.
graph::Graph swinir(const graph::Module& m, const SwinIRConfig& config, const graph::BuildOptions& options = {});

/// The factor by which the network unshuffles its input: 8 in every published DiffBIR model.
std::int64_t swinir_unshuffle(const graph::Module& m);

}  // namespace diffbir::nets
