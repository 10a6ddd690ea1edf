#pragma once

#include <cmath>

#include "core/each.h"
#include "core/tensor.h"
#include "diffusion/edm_solvers.h"
#include "diffusion/kernels.h"

/// Steps that the edm_ solvers are made of.
namespace diffbir::edm {

/// (x - denoised) / sigma
inline Tensor slope(const Tensor& x, float sigma, Tensor denoised) {
  each(Slope{sigma}, denoised, x, denoised);
  return denoised;
}

/// x + slope dt
inline void advance(Tensor& x, const Tensor& slope, float dt) { each(AddScaled{dt}, x, x, slope); }

/// x + noise a b c, a deviation in up to three factors
inline void add_noise(Tensor& x, const Tensor& noise, float a, float b, float c = 1) {
  each(AddNoise{a, b, c}, x, x, noise);
}

/// ratio x - (e^-h - 1) denoised: the exact solution over a step h of -log sigma for a constant denoised x_0, where
/// ratio is that of the levels.
inline Tensor exponential_step(Tensor x, const Tensor& denoised, float ratio, float h) {
  each(WeightedDifference{ratio, std::expm1(-h)}, x, x, denoised);
  return x;
}

/// The time of the exponential integrators, -log sigma, and back.
inline float time_of(float sigma, const EdmOptions& options) { return -options.math.log(sigma); }
inline float sigma_of(float time) { return std::exp(-time); }

}  // namespace diffbir::edm
