#pragma once

#include <vector>

#include "core/tensor.h"
#include "imaging/degradation/draws.h"

namespace diffbir {

/// How noisy one sample of a batch becomes. `gray`: all channels get the same noise.
struct SampleNoise {
  double strength;
  bool gray = false;
};

// Both take x [B,3,H,W] in [0,1] and one SampleNoise for each sample or one for all, clamp the result to [0,1], and
// draw, where any sample is gray, for the gray noise first and for the coloured noise then (behaviour.md 8.4, step 4).

/// Adds N(0, strength / 255). Draws: [H,W], which all gray samples share; [B,3,H,W].
Tensor add_gaussian_noise(const Tensor& x, const std::vector<SampleNoise>& noise, NoiseDraws& draws);

/// Adds `strength` times the shot noise of x, taken to be 8-bit counts of as many levels as the sample has distinct
/// values (rounded up to a power of two). Gray noise is that of the luma. Draws: [B,1,H,W]; [B,3,H,W].
Tensor add_poisson_noise(const Tensor& x, const std::vector<SampleNoise>& noise, NoiseDraws& draws);

}  // namespace diffbir
