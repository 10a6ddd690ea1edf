#include <cmath>
#include <cstddef>

#include "diffusion/edm_schedule.h"
#include "diffusion/edm_solvers.h"
#include "diffusion/edm_steps.h"

namespace diffbir {

using edm::advance;
using edm::slope;

Tensor sample_euler_ancestral(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas,
                              const EdmOptions& options, NoiseSource& noise, const EdmStep& on_step) {
  for (std::size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const AncestralStep step(sigmas[i], sigmas[i + 1], options);
    advance(x, slope(x, sigmas[i], denoise(x, sigmas[i])), step.down - sigmas[i]);
    if (sigmas[i + 1] > 0) edm::add_noise(x, noise.randn(x.shape()), options.s_noise, step.up);
    on_step(static_cast<int>(i) + 1, x);
  }
  return x;
}

Tensor sample_dpm_2_ancestral(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas,
                              const EdmOptions& options, NoiseSource& noise, const EdmStep& on_step) {
  for (std::size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const AncestralStep step(sigmas[i], sigmas[i + 1], options);
    Tensor d = slope(x, sigmas[i], denoise(x, sigmas[i]));
    if (step.down != 0) {
      const float sigma_mid = std::exp((options.math.log(sigmas[i]) + options.math.log(step.down)) / 2);
      Tensor x_2 = x;
      advance(x_2, d, sigma_mid - sigmas[i]);
      d = slope(x_2, sigma_mid, denoise(x_2, sigma_mid));
    }
    advance(x, d, step.down - sigmas[i]);
    if (sigmas[i + 1] > 0) edm::add_noise(x, noise.randn(x.shape()), options.s_noise, step.up);
    on_step(static_cast<int>(i) + 1, x);
  }
  return x;
}

Tensor sample_dpmpp_2s_ancestral(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas,
                                 const EdmOptions& options, NoiseSource& noise, const EdmStep& on_step) {
  using edm::exponential_step;
  using edm::sigma_of;
  for (std::size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const AncestralStep step(sigmas[i], sigmas[i + 1], options);
    const Tensor denoised = denoise(x, sigmas[i]);
    if (step.down == 0) {
      advance(x, slope(x, sigmas[i], denoised), step.down - sigmas[i]);
    } else {
      const float t = edm::time_of(sigmas[i], options);
      const float t_next = edm::time_of(step.down, options);
      const float h = t_next - t;
      const float sigma_mid = sigma_of(t + 0.5F * h);
      const Tensor x_2 = exponential_step(x, denoised, sigma_mid / sigma_of(t), 0.5F * h);
      x = exponential_step(x, denoise(x_2, sigma_mid), sigma_of(t_next) / sigma_of(t), h);
    }
    if (sigmas[i + 1] > 0) edm::add_noise(x, noise.randn(x.shape()), options.s_noise, step.up);
    on_step(static_cast<int>(i) + 1, x);
  }
  return x;
}

}  // namespace diffbir
