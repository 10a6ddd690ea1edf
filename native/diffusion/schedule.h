#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "diffusion/denoiser.h"

namespace diffbir {

/// Parameters of the training-time noise schedule, named as in the reference's configs/inference/diffusion*.yaml.
struct ScheduleConfig {
  std::int64_t timesteps = 1000;
  double linear_start = 0.00085;
  double linear_end = 0.0120;
  bool zero_snr = false;
  Parameterization parameterization = Parameterization::eps;
};

/// The forward process q(x_t | x_0) (DDPM, Ho et al. 2020; behaviour.md 3.1). Tables are float64; what the reference
/// registers as float32 buffers is rounded once, here.
struct NoiseSchedule {
  explicit NoiseSchedule(const ScheduleConfig& config);

  ScheduleConfig config;
  std::vector<double> betas;
  std::vector<double> alphas_cumprod;
  std::vector<float> sqrt_alphas_cumprod;
  std::vector<float> sqrt_one_minus_alphas_cumprod;

  /// sqrt(acp_t) x_0 + sqrt(1 - acp_t) noise, 0 <= t < timesteps.
  Tensor q_sample(const Tensor& x_start, std::int64_t t, const Tensor& noise) const;

  /// What a v network is trained to predict: sqrt(acp_t) noise - sqrt(1 - acp_t) x_0 (Salimans & Ho 2022).
  Tensor velocity(const Tensor& x_start, std::int64_t t, const Tensor& noise) const;

 private:
  std::size_t checked_timestep(std::int64_t t) const;
};

}  // namespace diffbir
