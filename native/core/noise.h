#pragma once

#include "core/tensor.h"

namespace diffbir {

/// Where a sampler's N(0,1) numbers come from. Draws happen in the reference's order (behaviour.md 3.7):
/// x_T or the noise of the condition start, then the noise augmentation, then one draw a step.
class NoiseSource {
 public:
  virtual ~NoiseSource() = default;
  virtual Tensor randn(const Shape& shape) = 0;
};

}  // namespace diffbir
