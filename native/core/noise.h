#pragma once

#include <functional>
#include <memory>
#include <utility>

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

/// The numbers of another source, drawn on the host as ever and then taken to a device; of the host where it is null.
class NoiseOnDevice : public NoiseSource {
 public:
  /// `source` must outlive this.
  NoiseOnDevice(NoiseSource& source, std::shared_ptr<Device> device) : source_(source), device_(std::move(device)) {}
  Tensor randn(const Shape& shape) override { return source_.randn(shape).to(device_); }
  BrownianNoise brownian(const Shape& shape, float sigma_min, float sigma_max) override {
    return [increment = source_.brownian(shape, sigma_min, sigma_max), device = device_](float sigma, float next) {
      return increment(sigma, next).to(device);
    };
  }

 private:
  NoiseSource& source_;
  std::shared_ptr<Device> device_;
};

}  // namespace diffbir
