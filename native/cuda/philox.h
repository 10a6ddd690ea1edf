#pragma once

#include "core/philox.h"

namespace diffbir::cuda {

/// The numbers of a draw, `draw.count` of them, to device memory: what torch's kernel writes on a card with as many
/// threads, bit for bit if its sine, cosine and logarithm are those of this toolkit. Enqueues on `stream`, a
/// cudaStream_t, and returns at once; throws Error(runtime_failed) where the launch is refused.
void philox_normals(const PhiloxDraw& draw, float* out, void* stream);

}  // namespace diffbir::cuda
