#pragma once

#include <cstdint>
#include <vector>

#include "core/noise.h"
#include "core/tensor.h"
#include "diffusion/denoiser.h"
#include "diffusion/sampler.h"
#include "diffusion/schedule.h"

namespace diffbir {

/// Ascending timesteps 1, 1 + c, 1 + 2c, ... with c = timesteps / steps, as the reference takes them: their number can
/// exceed `steps` (30 gives 31). The reference fails where the last is `timesteps`; here that one is left out.
/// Throws Error(invalid_option) unless 1 <= steps <= timesteps.
std::vector<std::int32_t> ddim_timesteps(std::int64_t timesteps, int steps);

/// The levels that a step goes from and to. Entry k belongs to timesteps[k]; Computed in float64 and stored
/// in float32, as the reference does.
struct DdimSchedule {
  /// eta 0: deterministic; 1: as much noise as DDPM adds (equation 16).
  DdimSchedule(const NoiseSchedule& schedule, int steps, double eta = 0);

  std::vector<std::int32_t> timesteps;
  std::vector<float> alphas;       // acp of the timestep
  std::vector<float> alphas_prev;  // acp of the one before, of timestep 0 for the first
  std::vector<float> sqrt_alphas;
  std::vector<float> sqrt_one_minus_alphas;
  std::vector<float> sigmas;
};

/// Deterministic implicit sampling (DDIM, Song et al. 2021, equation 12 with sigma = 0; behaviour.md 3.4).
/// One noise tensor is drawn every step and multiplied by 0, which keeps the reference's order of draws.
Tensor sample_ddim(const Denoiser& model, Tensor x, const NoiseSchedule& schedule, const SamplerOptions& options,
                   NoiseSource& noise);

}  // namespace diffbir
