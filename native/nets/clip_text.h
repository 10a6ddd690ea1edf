#pragma once

#include <cstdint>

#include "graph/builder.h"

namespace diffbir::nets {

/// What the shapes of the text tower cannot tell (names of the reference's clip_cfg.text_cfg).
struct ClipTextConfig {
  std::int64_t heads = 16;
  /// Blocks of the whole tower, of which the last is not run; 0: as many as the checkpoint holds.
  std::int64_t layers = 0;
};

/// OpenCLIP's text tower up to the penultimate block, then ln_final (Cherti et al. 2023; behaviour.md 5.7).
/// Input: ids [B,77] int32. Output: context [B,77,width].
graph::Graph clip_text(const graph::Module& m, const ClipTextConfig& config, const graph::BuildOptions& options = {});

}  // namespace diffbir::nets
