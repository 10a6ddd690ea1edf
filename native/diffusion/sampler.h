#pragma once

#include <functional>
#include <string>

#include "core/noise.h"
#include "core/tensor.h"
#include "diffusion/denoiser.h"
#include "diffusion/edm_solvers.h"
#include "diffusion/guidance.h"
#include "diffusion/schedule.h"

namespace diffbir {

/// Called after each step with the step's number (1..steps), the number of steps and the latent x [B,z,h,w].
/// May throw to stop the sampler.
using StepCallback = std::function<void(int step, int steps, const Tensor& x)>;

/// What every sampler takes beside the denoiser and x_T.
struct SamplerOptions {
  std::string sampler = "spaced";
  int steps = 50;     // >= 1
  Guidance guidance;  // may be empty
  EdmOptions edm;
  /// The reference's defects where ours differ: the edm_ samplers start eps models at noise level 1e4.
  bool parity = false;
  StepCallback on_step;
};

/// Whether the reference's sampler of this name leaves the unconditional call out only where the base cfg scale is 1,
/// not where the rescaled one is (CfgOptions::test_base_scale).
bool tests_base_scale(const std::string& sampler);

/// Runs options.sampler from x_T to x_0. Throws Error(invalid_option) for an unknown sampler or impossible step count,
/// Error(numeric) naming the step at which a latent is not finite.
Tensor sample(const Denoiser& model, Tensor x, const NoiseSchedule& schedule, const SamplerOptions& options,
              NoiseSource& noise);

}  // namespace diffbir
