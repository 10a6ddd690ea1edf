#include "diffusion/ddim.h"

#include <cmath>
#include <cstddef>
#include <string>

#include "core/error.h"
#include "diffusion/kernels.h"

namespace diffbir {

namespace {

/// sqrt(acp) and sqrt(1 - acp) of one timestep, from float32 as in the reference.
struct Level {
  explicit Level(double alphas_cumprod)
      : signal(std::sqrt(static_cast<float>(alphas_cumprod))),
        sigma(std::sqrt(1.0F - static_cast<float>(alphas_cumprod))) {}
  float signal;
  float sigma;
};

/// The noise in x that the prediction stands for.
Tensor predicted_noise(Parameterization parameterization, const Level& level, const Tensor& x, Tensor prediction) {
  if (parameterization == Parameterization::eps) return prediction;
  for (std::size_t i = 0; i < x.size(); ++i) {
    prediction.data()[i] = combine(level.signal, prediction.data()[i], level.sigma, x.data()[i]);
  }
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

Tensor sample_ddim(const Denoiser& model, Tensor x, const NoiseSchedule& schedule, const SamplerOptions& options,
                   NoiseSource& noise) {
  const auto timesteps = ddim_timesteps(schedule.config.timesteps, options.steps);
  const auto acp = [&](std::int32_t t) { return schedule.alphas_cumprod[static_cast<std::size_t>(t)]; };
  const auto steps = static_cast<int>(timesteps.size());
  for (int step = 1; step <= steps; ++step) {
    const auto k = static_cast<std::size_t>(steps - step);
    const auto t = static_cast<float>(timesteps[k]);
    const Level now(acp(timesteps[k]));
    const Level next(acp(k == 0 ? 0 : timesteps[k - 1]));

    const Tensor eps = predicted_noise(schedule.config.parameterization, now, x, model(x, t));
    Tensor x0(x.shape());
    for (std::size_t i = 0; i < x.size(); ++i) {
      x0.data()[i] = (x.data()[i] - now.sigma * eps.data()[i]) / now.signal;
    }
    if (options.guidance) options.guidance(x0, t, 1.0F);
    noise.randn(x.shape());
    for (std::size_t i = 0; i < x.size(); ++i) {
      x.data()[i] = combine(next.signal, x0.data()[i], next.sigma, eps.data()[i]);
    }
    if (options.on_step) options.on_step(step, steps, x);
  }
  return x;
}

}  // namespace diffbir
