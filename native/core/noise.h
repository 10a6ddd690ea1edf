#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace diffbir {

/// From one noise level to another.
struct NoiseStep {
  float sigma;
  float sigma_next;
};

/// Increments of one Brownian motion W over the noise levels, scaled to unit variance:
/// (W(sigma_next) - W(sigma)) / sqrt(|sigma - sigma_next|), N(0,1) and independent over disjoint intervals. Each call
/// answers for the next of the steps that the motion was asked for.
using BrownianNoise = std::function<Tensor()>;

/// Where a sampler's N(0,1) numbers come from. Draws happen in the reference's order (behaviour.md 3.7):
/// x_T or the noise of the condition start, then the noise augmentation, then one draw a step.
class NoiseSource {
 public:
  virtual ~NoiseSource() = default;
  virtual Tensor randn(const Shape& shape) = 0;

  /// A Brownian motion of this shape between the noise levels 0 <= sigma_min < sigma_max, for these steps in this
  /// order. The result must not outlive the source, which is asked for nothing else while it is in use.
  virtual BrownianNoise brownian(const Shape& shape, float sigma_min, float sigma_max,
                                 std::vector<NoiseStep> steps) = 0;
};

/// The numbers of another source, drawn on the host as ever and then taken to a device; of the host where it is null.
/// For a device the next increment of a Brownian motion is drawn on a thread of its own while the networks run, since
/// it takes some twenty draws.
class NoiseOnDevice : public NoiseSource {
 public:
  NoiseOnDevice(std::unique_ptr<NoiseSource> source, std::shared_ptr<Device> device)
      : source_(std::move(source)), device_(std::move(device)) {}
  Tensor randn(const Shape& shape) override { return source_->randn(shape).to(device_); }
  BrownianNoise brownian(const Shape& shape, float sigma_min, float sigma_max, std::vector<NoiseStep> steps) override;

 private:
  std::unique_ptr<NoiseSource> source_;
  std::shared_ptr<Device> device_;
};

}  // namespace diffbir
