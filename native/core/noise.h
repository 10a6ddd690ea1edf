#pragma once

#include <functional>

#include "core/tensor.h"

namespace diffbir {

/// Increments of one Brownian motion W over the noise levels, scaled to unit variance:
/// (W(sigma_next) - W(sigma)) / sqrt(|sigma - sigma_next|), N(0,1) and independent over disjoint intervals.
using BrownianNoise = std::function<Tensor(float sigma, float sigma_next)>;

/// Where a sampler's N(0,1) numbers come from. Draws happen in the reference's order (behaviour.md 3.7):
/// x_T or the noise of the condition start, then the noise augmentation, then one draw a step.
class NoiseSource {
 public:
  virtual ~NoiseSource() = default;
  virtual Tensor randn(const Shape& shape) = 0;

  /// A Brownian motion of this shape between the noise levels 0 <= sigma_min < sigma_max. The result must not outlive
  /// the source.
  virtual BrownianNoise brownian(const Shape& shape, float sigma_min, float sigma_max) = 0;
};

}  // namespace diffbir
