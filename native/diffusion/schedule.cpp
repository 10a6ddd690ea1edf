#include "diffusion/schedule.h"

#include <cmath>
#include <string>

#include "core/each.h"
#include "core/error.h"
#include "diffusion/kernels.h"

namespace diffbir {

namespace {

void check(const ScheduleConfig& config) {
  if (config.timesteps < 2) {
    throw Error(ErrorCode::invalid_option,
                "Expected at least 2 for timesteps but received " + std::to_string(config.timesteps));
  }
  const auto inside = [](double beta) { return beta > 0 && beta < 1; };
  if (!inside(config.linear_start) || !inside(config.linear_end)) {
    throw Error(ErrorCode::invalid_option, "Expected numbers between 0 and 1 for linear_start and linear_end");
  }
}

/// "Linear" in Stable Diffusion: the square roots of the betas are equally spaced.
std::vector<double> linear_betas(const ScheduleConfig& config) {
  const double first = std::sqrt(config.linear_start);
  const double last = std::sqrt(config.linear_end);
  std::vector<double> betas;
  for (std::int64_t i = 0; i < config.timesteps; ++i) {
    const double root = first + static_cast<double>(i) / static_cast<double>(config.timesteps - 1) * (last - first);
    betas.push_back(root * root);
  }
  return betas;
}

std::vector<double> cumulative_alphas(const std::vector<double>& betas) {
  std::vector<double> products;
  double product = 1;
  for (double beta : betas) products.push_back(product *= 1 - beta);
  return products;
}

/// Shifts and scales sqrt(acp) so that the last is 0 and the first stays (Lin et al. 2024, algorithm 1).
std::vector<double> zero_terminal_snr(const std::vector<double>& betas) {
  std::vector<double> acp = cumulative_alphas(betas);
  const double first = std::sqrt(acp.front());
  const double last = std::sqrt(acp.back());
  for (double& value : acp) {
    const double root = (std::sqrt(value) - last) * (first / (first - last));
    value = root * root;
  }
  std::vector<double> rescaled{1 - acp.front()};
  for (std::size_t i = 1; i < acp.size(); ++i) rescaled.push_back(1 - acp[i] / acp[i - 1]);
  return rescaled;
}

}  // namespace

NoiseSchedule::NoiseSchedule(const ScheduleConfig& schedule) : config(schedule) {
  check(config);
  betas = linear_betas(config);
  if (config.zero_snr) betas = zero_terminal_snr(betas);
  alphas_cumprod = cumulative_alphas(betas);
  for (double acp : alphas_cumprod) {
    sqrt_alphas_cumprod.push_back(static_cast<float>(std::sqrt(acp)));
    sqrt_one_minus_alphas_cumprod.push_back(static_cast<float>(std::sqrt(1 - acp)));
  }
}

std::size_t NoiseSchedule::checked_timestep(std::int64_t t) const {
  if (t < 0 || t >= config.timesteps) {
    throw Error(ErrorCode::invalid_option, "Expected a timestep from 0 to " + std::to_string(config.timesteps - 1) +
                                               " but received " + std::to_string(t));
  }
  return static_cast<std::size_t>(t);
}

Tensor NoiseSchedule::q_sample(const Tensor& x_start, std::int64_t t, const Tensor& noise) const {
  require_same_shape(x_start, noise, "q_sample");
  const float signal = sqrt_alphas_cumprod[checked_timestep(t)];
  const float sigma = sqrt_one_minus_alphas_cumprod[checked_timestep(t)];
  return map(WeightedSum{signal, sigma}, x_start, noise);
}

Tensor NoiseSchedule::velocity(const Tensor& x_start, std::int64_t t, const Tensor& noise) const {
  require_same_shape(x_start, noise, "velocity");
  const float signal = sqrt_alphas_cumprod[checked_timestep(t)];
  const float sigma = sqrt_one_minus_alphas_cumprod[checked_timestep(t)];
  return map(WeightedDifference{signal, sigma}, noise, x_start);
}

}  // namespace diffbir
