#pragma once

#include <vector>

#include "core/noise.h"
#include "core/tensor.h"
#include "diffusion/denoiser.h"
#include "diffusion/sampler.h"
#include "diffusion/schedule.h"

namespace diffbir {

/// The discrete schedule spread over continuous time t in (0, 1], with log alpha interpolated linearly between its
/// entries (Lu et al. 2022; behaviour.md 3.5). Entries noisier than log(alpha / sigma) = -5.1 are cut off. Float32.
class ContinuousSchedule {
 public:
  explicit ContinuousSchedule(const NoiseSchedule& schedule);

  /// alpha, sigma and lambda = log(alpha / sigma) of one time.
  struct Level {
    float alpha;
    float sigma;
    float lambda;
  };
  Level at(float t) const;

  /// The first time: that of the least noisy entry.
  float first_time() const { return 1.0F / static_cast<float>(log_alphas_.size()); }

  /// What the network gets: 0 for the first time. Times 1000 whatever number of entries is left, as in the reference.
  float model_time(float t) const { return (t - first_time()) * 1000.0F; }

 private:
  float log_alpha(float t) const;

  std::vector<float> times_;
  std::vector<float> log_alphas_;
};

/// DPM-Solver++ (Lu et al. 2022b, algorithm 2), data prediction, multistep of order 2, the first step of order 1 and,
/// for fewer than 10 steps, the last one too. Deterministic: draws no noise. steps >= 1; the reference refuses 1.
Tensor sample_dpmpp_m2(const Denoiser& model, Tensor x, const NoiseSchedule& schedule, const SamplerOptions& options,
                       NoiseSource& noise);

}  // namespace diffbir
