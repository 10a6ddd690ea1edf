#include "diffusion/ddim.h"

#include <cmath>
#include <cstddef>
#include <string>

#include "core/each.h"
#include "core/error.h"
#include "diffusion/kernels.h"

namespace diffbir {

namespace {

/// The noise in x that the prediction stands for.
Tensor predicted_noise(Parameterization parameterization, float signal, float sigma, const Tensor& x,
                       Tensor prediction) {
  if (parameterization == Parameterization::eps) return prediction;
  each(WeightedSum{signal, sigma}, prediction, prediction, x);
  return prediction;
}

}  // namespace

std::vector<std::int32_t> ddim_timesteps(std::int64_t timesteps, int steps) {
  if (steps < 1 || steps > timesteps) {
    throw Error(ErrorCode::invalid_option, "Expected an integer from 1 to " + std::to_string(timesteps) +
                                               " for steps but received " + std::to_string(steps));
  }
  const std::int64_t stride = timesteps / steps;
  std::vector<std::int32_t> chosen;
  for (std::int64_t t = 1; t < timesteps; t += stride) chosen.push_back(static_cast<std::int32_t>(t));
  return chosen;
}

DdimSchedule::DdimSchedule(const NoiseSchedule& schedule, int steps, double eta)
    : timesteps(ddim_timesteps(schedule.config.timesteps, steps)) {
  double previous = schedule.alphas_cumprod.front();
  for (const std::int32_t t : timesteps) {
    const double acp = schedule.alphas_cumprod[static_cast<std::size_t>(t)];
    alphas.push_back(static_cast<float>(acp));
    alphas_prev.push_back(static_cast<float>(previous));
    sqrt_alphas.push_back(static_cast<float>(std::sqrt(acp)));
    sqrt_one_minus_alphas.push_back(static_cast<float>(std::sqrt(1 - acp)));
    sigmas.push_back(static_cast<float>(eta * std::sqrt((1 - previous) / (1 - acp) * (1 - acp / previous))));
    previous = acp;
  }
}

Tensor sample_ddim(const Denoiser& model, Tensor x, const NoiseSchedule& schedule, const SamplerOptions& options,
                   NoiseSource& noise) {
  const DdimSchedule ddim(schedule, options.steps);
  const auto steps = static_cast<int>(ddim.timesteps.size());
  for (int step = 1; step <= steps; ++step) {
    const auto k = static_cast<std::size_t>(steps - step);
    const auto t = static_cast<float>(ddim.timesteps[k]);
    const float signal = ddim.sqrt_alphas[k];
    const float sigma = ddim.sqrt_one_minus_alphas[k];
    const float next_signal = std::sqrt(ddim.alphas_prev[k]);
    const float next_sigma = std::sqrt(1.0F - ddim.alphas_prev[k]);

    Tensor eps = predicted_noise(schedule.config.parameterization, signal, sigma, x, model(x, t));
    Tensor x0 = map(OtherPart{sigma, signal}, x, eps);
    if (options.guidance) {
      options.guidance(x0, t, 1.0F);
      // What x holds beside the guided x0 is its noise: a step then goes as far towards the pull as in other samplers.
      each(OtherPart{signal, sigma}, eps, x, x0);
    }
    noise.randn(x.shape());
    each(WeightedSum{next_signal, next_sigma}, x, x0, eps);
    if (options.on_step) options.on_step(step, steps, x);
  }
  return x;
}

}  // namespace diffbir
