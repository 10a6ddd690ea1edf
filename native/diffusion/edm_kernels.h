#pragma once

#include <cmath>
#include <cstddef>

#include "core/tensor.h"
#include "diffusion/edm_solvers.h"

/// Steps that the edm_ solvers are made of, in float32 and in the reference's order.
namespace diffbir::edm {

/// target[i] = f(target[i], other[i])
template <typename F>
void update(Tensor& target, const Tensor& other, F f) {
  for (std::size_t i = 0; i < target.size(); ++i) target.data()[i] = f(target.data()[i], other.data()[i]);
}

/// (x - denoised) / sigma, the slope dx / dsigma (Karras et al. 2022, equation 3).
inline Tensor slope(const Tensor& x, float sigma, Tensor denoised) {
  update(denoised, x, [=](float d, float value) { return (value - d) / sigma; });
  return denoised;
}

/// x + slope dt
inline void advance(Tensor& x, const Tensor& slope, float dt) {
  update(x, slope, [=](float value, float d) { return value + d * dt; });
}

/// x + noise s_noise deviation
inline void add_noise(Tensor& x, const Tensor& noise, float s_noise, float deviation) {
  update(x, noise, [=](float value, float draw) { return value + draw * s_noise * deviation; });
}

/// ratio x - (e^-h - 1) denoised: the exact solution over a step h of -log sigma for a constant denoised x_0, where
/// ratio is that of the levels.
inline Tensor exponential_step(Tensor x, const Tensor& denoised, float ratio, float h) {
  const float weight = std::expm1(-h);
  update(x, denoised, [=](float value, float d) { return ratio * value - weight * d; });
  return x;
}

/// The time of the exponential integrators, -log sigma, and back.
inline float time_of(float sigma, const EdmOptions& options) { return -options.math.log(sigma); }
inline float sigma_of(float time) { return std::exp(-time); }

}  // namespace diffbir::edm
