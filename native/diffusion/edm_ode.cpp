#include <algorithm>
#include <cmath>
#include <cstddef>

#include "diffusion/edm_solvers.h"
#include "diffusion/edm_steps.h"

namespace diffbir {

using edm::advance;
using edm::slope;

namespace {

/// Raises the noise level by adding noise (algorithm 2, lines 4 to 6): returns the level that x has then.
float churn(Tensor& x, float sigma, std::size_t steps, const EdmOptions& options, NoiseSource& noise) {
  const bool applies = options.s_tmin <= sigma && sigma <= options.s_tmax;
  const double gamma = applies ? std::min(options.s_churn / static_cast<double>(steps), std::sqrt(2.0) - 1) : 0.0;
  const Tensor draw = noise.randn(x.shape());
  const float sigma_hat = sigma * static_cast<float>(gamma + 1);
  if (gamma > 0) edm::add_noise(x, draw, options.s_noise, std::sqrt(sigma_hat * sigma_hat - sigma * sigma));
  return sigma_hat;
}

}  // namespace

Tensor sample_euler(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas, const EdmOptions& options,
                    NoiseSource& noise, const EdmStep& on_step) {
  const std::size_t steps = sigmas.size() - 1;
  for (std::size_t i = 0; i < steps; ++i) {
    const float sigma_hat = churn(x, sigmas[i], steps, options, noise);
    advance(x, slope(x, sigma_hat, denoise(x, sigma_hat)), sigmas[i + 1] - sigma_hat);
    on_step(static_cast<int>(i) + 1, x);
  }
  return x;
}

Tensor sample_heun(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas, const EdmOptions& options,
                   NoiseSource& noise, const EdmStep& on_step) {
  const std::size_t steps = sigmas.size() - 1;
  for (std::size_t i = 0; i < steps; ++i) {
    const float sigma_hat = churn(x, sigmas[i], steps, options, noise);
    Tensor d = slope(x, sigma_hat, denoise(x, sigma_hat));
    const float dt = sigmas[i + 1] - sigma_hat;
    if (sigmas[i + 1] != 0) {
      Tensor x_2 = x;
      advance(x_2, d, dt);
      const Tensor d_2 = slope(x_2, sigmas[i + 1], denoise(x_2, sigmas[i + 1]));
      each(Mean{}, d, d, d_2);
    }
    advance(x, d, dt);
    on_step(static_cast<int>(i) + 1, x);
  }
  return x;
}

Tensor sample_dpm_2(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas, const EdmOptions& options,
                    NoiseSource& noise, const EdmStep& on_step) {
  const std::size_t steps = sigmas.size() - 1;
  for (std::size_t i = 0; i < steps; ++i) {
    const float sigma_hat = churn(x, sigmas[i], steps, options, noise);
    Tensor d = slope(x, sigma_hat, denoise(x, sigma_hat));
    if (sigmas[i + 1] != 0) {
      const float sigma_mid = std::exp((std::log(sigma_hat) + std::log(sigmas[i + 1])) / 2);
      Tensor x_2 = x;
      advance(x_2, d, sigma_mid - sigma_hat);
      d = slope(x_2, sigma_mid, denoise(x_2, sigma_mid));
    }
    advance(x, d, sigmas[i + 1] - sigma_hat);
    on_step(static_cast<int>(i) + 1, x);
  }
  return x;
}

}  // namespace diffbir
