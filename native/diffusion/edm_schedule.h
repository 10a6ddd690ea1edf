#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "diffusion/edm_solvers.h"
#include "diffusion/schedule.h"

namespace diffbir {

/// Noise levels sigma = sqrt((1 - acp) / acp) of `steps` timesteps floor(999 (1 - i / steps)), descending, then 0
/// (the discrete schedule of k-diffusion after Karras et al. 2022; behaviour.md 3.6).
struct EdmSchedule {
  /// Where acp is 0 (zero terminal SNR) the first level is 1e4. With `parity` it is so for every model, as in the
  /// reference; that ruins eps models, whose error it multiplies, so without it they start at their true level (14.6).
  /// Throws Error(invalid_option) unless 1 <= steps <= timesteps.
  EdmSchedule(const NoiseSchedule& schedule, int steps, bool parity);

  std::vector<float> sigmas;     // steps + 1
  std::vector<float> timesteps;  // steps + 1, the last 0

  /// The timestep of the nearest level; of the first where two are as near.
  float timestep(float sigma) const;
};

/// A step from one level to the next as a deterministic step to `down` and noise of deviation `up`, which together have
/// the variance of the next level (Song et al. 2021, "Score-based generative modeling", in k-diffusion's form).
struct AncestralStep {
  /// options.eta 0: no noise; 1: as much as the reverse process has; more is cut to the next level.
  AncestralStep(float sigma, float sigma_next, const EdmOptions& options);
  float down;
  float up;
};

/// Weight of the slope at sigmas[i - back] in the linear multistep from sigmas[i] to the next: the integral over the
/// step of the Lagrange polynomial through the newest `order` levels. back < order <= i + 1; exact up to order 6.
double lms_coefficient(std::span<const float> sigmas, std::size_t i, std::size_t order, std::size_t back);

}  // namespace diffbir
