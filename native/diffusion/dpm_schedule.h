#pragma once

#include <cstddef>
#include <vector>

#include "diffusion/schedule.h"

namespace diffbir {

/// The discrete schedule spread over continuous time t in (0, 1], with log alpha interpolated linearly between its
/// entries (Lu et al. 2022; behaviour.md 3.5). Entries noisier than log(alpha / sigma) = -5.1 are cut off. Float32.
class ContinuousSchedule {
 public:
  /// Throws Error(invalid_option) where fewer than two entries are left.
  explicit ContinuousSchedule(const NoiseSchedule& schedule);

  /// alpha, sigma and lambda = log(alpha / sigma) of one time.
  struct Level {
    float alpha;
    float sigma;
    float lambda;
  };
  Level at(float t) const;

  /// The time of a lambda.
  float inverse_lambda(float lambda) const;

  /// The first time: that of the least noisy entry.
  float first_time() const { return times_.front(); }

  /// What the network gets: 0 for the first time. Times 1000 whatever number of entries is left, as in the reference.
  float model_time(float t) const { return (t - first_time()) * 1000.0F; }

  /// `steps` + 1 times from 1 down to first_time(), evenly spaced.
  std::vector<float> time_grid(int steps) const;

  const std::vector<float>& times() const noexcept { return times_; }
  const std::vector<float>& log_alphas() const noexcept { return log_alphas_; }

 private:
  std::vector<float> times_;
  std::vector<float> log_alphas_;
};

}  // namespace diffbir
