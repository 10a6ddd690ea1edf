#include "diffusion/spaced.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <string>

#include "core/each.h"
#include "core/error.h"
#include "diffusion/kernels.h"

namespace diffbir {

namespace {

void check_steps(int steps, std::int64_t available) {
  if (steps >= 1 && steps <= available) return;
  throw Error(ErrorCode::invalid_option, "Expected an integer from 1 to " + std::to_string(available) +
                                             " for steps but received " + std::to_string(steps));
}

}  // namespace

std::vector<std::int32_t> space_timesteps(std::int64_t timesteps, int steps) {
  return space_timesteps(timesteps, std::vector{steps});
}

std::vector<std::int32_t> space_timesteps(std::int64_t timesteps, const std::vector<int>& counts) {
  if (counts.empty()) throw Error(ErrorCode::invalid_option, "Expected a count of steps");
  const auto sections = static_cast<std::int64_t>(counts.size());
  std::vector<std::int32_t> spaced;
  std::int64_t start = 0;
  for (std::int64_t section = 0; section < sections; ++section) {
    const int count = counts[static_cast<std::size_t>(section)];
    const std::int64_t size = timesteps / sections + (section < timesteps % sections ? 1 : 0);
    check_steps(count, size);
    const double stride = count == 1 ? 0.0 : static_cast<double>(size - 1) / (count - 1);
    double current = 0;
    for (int i = 0; i < count; ++i, current += stride) {
      // Half to even, as Python's round.
      spaced.push_back(static_cast<std::int32_t>(start + static_cast<std::int64_t>(std::nearbyint(current))));
    }
    start += size;
  }
  return spaced;
}

std::vector<std::int32_t> strided_timesteps(std::int64_t timesteps, int steps) {
  check_steps(steps, timesteps);
  const std::int64_t stride = (timesteps + steps - 1) / steps;
  std::vector<std::int32_t> strided;
  for (std::int64_t t = 0; t < timesteps; t += stride) strided.push_back(static_cast<std::int32_t>(t));
  if (std::ssize(strided) != steps) {
    throw Error(ErrorCode::invalid_option,
                "Expected a number of steps that an integer stride gives but received " + std::to_string(steps));
  }
  return strided;
}

SpacedSchedule::SpacedSchedule(const NoiseSchedule& schedule, int steps)
    : parameterization(schedule.config.parameterization), timesteps(space_timesteps(schedule.config.timesteps, steps)) {
  const auto append = [](std::vector<float>& table, double value) { table.push_back(static_cast<float>(value)); };
  std::vector<double> variances;
  double previous_base = 1;
  double previous = 1;
  for (std::int32_t t : timesteps) {
    const double base = schedule.alphas_cumprod[static_cast<std::size_t>(t)];
    const double beta = 1 - base / previous_base;
    const double acp = previous * (1 - beta);  // equals base but for rounding, which the reference has too
    append(sqrt_alphas_cumprod, std::sqrt(acp));
    append(sqrt_one_minus_alphas_cumprod, std::sqrt(1 - acp));
    append(sqrt_recip_alphas_cumprod, std::sqrt(1 / acp));
    append(sqrt_recipm1_alphas_cumprod, std::sqrt(1 / acp - 1));
    append(posterior_mean_coef1, beta * std::sqrt(previous) / (1 - acp));
    append(posterior_mean_coef2, (1 - previous) * std::sqrt(1 - beta) / (1 - acp));
    variances.push_back(beta * (1 - previous) / (1 - acp));
    append(posterior_variance, variances.back());
    previous_base = base;
    previous = acp;
  }
  // The first variance is 0: its logarithm borrows the second.
  variances.front() = variances[std::min<std::size_t>(1, variances.size() - 1)];
  for (double variance : variances) append(posterior_log_variance_clipped, std::log(variance));
}

Tensor SpacedSchedule::predict_x0(std::size_t k, const Tensor& x, const Tensor& prediction) const {
  const bool eps = parameterization == Parameterization::eps;
  const float a = eps ? sqrt_recip_alphas_cumprod[k] : sqrt_alphas_cumprod[k];
  const float b = eps ? sqrt_recipm1_alphas_cumprod[k] : sqrt_one_minus_alphas_cumprod[k];
  return map(WeightedDifference{a, b}, x, prediction);
}

Tensor SpacedSchedule::posterior_sample(std::size_t k, const Tensor& x0, const Tensor& x, const Tensor& noise) const {
  const float sigma = k == 0 ? 0.0F : std::sqrt(posterior_variance[k]);
  return map(PosteriorSample{posterior_mean_coef1[k], posterior_mean_coef2[k], sigma}, x0, x, noise);
}

Tensor sample_spaced(const Denoiser& model, Tensor x, const NoiseSchedule& schedule, const SamplerOptions& options,
                     NoiseSource& noise) {
  const SpacedSchedule spaced(schedule, options.steps);
  for (int step = 1; step <= options.steps; ++step) {
    const auto k = static_cast<std::size_t>(options.steps - step);
    const auto t = static_cast<float>(spaced.timesteps[k]);
    Tensor x0 = spaced.predict_x0(k, x, model(x, t));
    if (options.guidance) options.guidance(x0, t, 1.0F / spaced.posterior_mean_coef1[k]);
    x = spaced.posterior_sample(k, x0, x, noise.randn(x.shape()));
    if (options.on_step) options.on_step(step, options.steps, x);
  }
  return x;
}

}  // namespace diffbir
