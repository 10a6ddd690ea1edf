#pragma once

#include <cstdint>

#include "graph/builder.h"

namespace diffbir::nets {

/// ParseNet of facexlib (behaviour.md 5.8): the parts of an aligned face. Input: x [B,3,H,W] in -1..1, RGB as it was
/// trained, sides multiples of 2 per halving (16 in the official network). Output: out [B,19,H,W], the logits of the
/// classes. The second output of the reference, a picture, is not computed: nothing reads it.
graph::Graph parsenet(const graph::Module& m, const graph::BuildOptions& options = {});

inline constexpr std::int64_t parsenet_classes = 19;

}  // namespace diffbir::nets
