#pragma once

#include <cstdint>
#include <vector>

#include "core/noise.h"
#include "core/tensor.h"
#include "diffusion/denoiser.h"
#include "diffusion/sampler.h"
#include "diffusion/schedule.h"

namespace diffbir {

/// `steps` model timesteps in ascending order, evenly spaced from 0 to timesteps - 1; {0} for one step
/// (behaviour.md 3.3). Throws Error(invalid_option) unless 1 <= steps <= timesteps.
std::vector<std::int32_t> space_timesteps(std::int64_t timesteps, int steps);

/// The same in sections: the timesteps in as many equal parts as there are counts, and so many from each. Throws
/// Error(invalid_option) unless every section has at least its count.
std::vector<std::int32_t> space_timesteps(std::int64_t timesteps, const std::vector<int>& counts);

/// `steps` timesteps 0, c, 2c, ... with the smallest stride c that gives so many ("ddimN" in the reference). Throws
/// Error(invalid_option) where none does.
std::vector<std::int32_t> strided_timesteps(std::int64_t timesteps, int steps);

/// The posterior q(x_{k-1} | x_k, x_0) of DDPM (Ho et al. 2020, equation 7) on a subset of the timesteps. Entry k
/// belongs to timesteps[k]. Computed in float64 and stored in float32, as the reference does.
struct SpacedSchedule {
  SpacedSchedule(const NoiseSchedule& schedule, int steps);

  Parameterization parameterization;
  std::vector<std::int32_t> timesteps;
  std::vector<float> sqrt_alphas_cumprod;
  std::vector<float> sqrt_one_minus_alphas_cumprod;
  std::vector<float> sqrt_recip_alphas_cumprod;    // infinite where acp is 0, and then not used
  std::vector<float> sqrt_recipm1_alphas_cumprod;  // the same
  std::vector<float> posterior_variance;
  std::vector<float> posterior_log_variance_clipped;
  std::vector<float> posterior_mean_coef1;
  std::vector<float> posterior_mean_coef2;

  /// x_0 from x_k and the network's prediction.
  Tensor predict_x0(std::size_t k, const Tensor& x, const Tensor& prediction) const;

  /// A draw of x_{k-1}: mean(x_0, x_k) + sigma noise, without the noise where k is 0.
  Tensor posterior_sample(std::size_t k, const Tensor& x0, const Tensor& x, const Tensor& noise) const;
};

/// Ancestral DDPM sampling (Ho et al. 2020, algorithm 2) on evenly spaced timesteps, with "fixed small" variance.
/// x_T [B,z,h,w] ~ N(0,1); one noise tensor is drawn every step, the last included.
Tensor sample_spaced(const Denoiser& model, Tensor x, const NoiseSchedule& schedule, const SamplerOptions& options,
                     NoiseSource& noise);

}  // namespace diffbir
