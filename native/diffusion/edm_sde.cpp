#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "diffusion/edm_schedule.h"
#include "diffusion/edm_solvers.h"
#include "diffusion/edm_steps.h"

namespace diffbir {

namespace {

/// One Brownian motion for a whole run, from the last level above 0 to the first.
BrownianNoise brownian(NoiseSource& noise, const Tensor& x, std::span<const float> sigmas,
                       std::vector<NoiseStep> steps) {
  if (steps.empty()) return {};
  return noise.brownian(x.shape(), sigmas[sigmas.size() - 2], sigmas.front(), std::move(steps));
}

/// The same with one increment from each level to the next, but for the last, which is 0.
BrownianNoise brownian(NoiseSource& noise, const Tensor& x, std::span<const float> sigmas) {
  std::vector<NoiseStep> steps;
  for (std::size_t i = 0; i + 2 < sigmas.size(); ++i) steps.push_back({sigmas[i], sigmas[i + 1]});
  return brownian(noise, x, sigmas, std::move(steps));
}

/// Times of a step with a stage in its middle, -log sigma.
struct StagedStep {
  StagedStep(float sigma, float sigma_next, const EdmOptions& options)
      : start(edm::time_of(sigma, options)),
        end(edm::time_of(sigma_next, options)),
        middle(start + 0.5F * (end - start)) {}
  float start;
  float end;
  float middle;
};

NoiseStep noise_step(float t, float t_to) { return {edm::sigma_of(t), edm::sigma_of(t_to)}; }

/// From time t to t_to (-log sigma) as for a constant denoised x_0, with an ancestral step's noise.
Tensor sde_step(const Tensor& x, const Tensor& denoised, float t, float t_to, const EdmOptions& options,
                const BrownianNoise& increment) {
  const auto [from, to] = noise_step(t, t_to);
  const AncestralStep step(from, to, options);
  const float t_down = edm::time_of(step.down, options);
  Tensor result = edm::exponential_step(x, denoised, edm::sigma_of(t_down) / from, t_down - t);
  edm::add_noise(result, increment(), options.s_noise, step.up);
  return result;
}

/// The noise that a step h of -log sigma has in the exponential integrators 2M and 3M.
void add_increment(Tensor& x, const Tensor& increment, float sigma_next, float h, const EdmOptions& options) {
  const float deviation = std::sqrt(-std::expm1(-2 * h * options.eta));
  edm::add_noise(x, increment, sigma_next, deviation, options.s_noise);
}

enum class Correction { midpoint, heun };

Tensor sample_2m_sde(Correction correction, const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas,
                     const EdmOptions& options, NoiseSource& noise, const EdmStep& on_step) {
  const BrownianNoise increment = options.eta == 0 ? BrownianNoise{} : brownian(noise, x, sigmas);
  Tensor old_denoised;
  float h_last = 0;
  for (std::size_t i = 0; i + 1 < sigmas.size(); ++i) {
    Tensor denoised = denoise(x, sigmas[i]);
    if (sigmas[i + 1] == 0) {
      x = denoised;
    } else {
      const float h = edm::time_of(sigmas[i + 1], options) - edm::time_of(sigmas[i], options);
      const float eta_h = options.eta * h;
      const float gain = -std::expm1(-h - eta_h);
      x = edm::exponential_step(std::move(x), denoised, sigmas[i + 1] / sigmas[i] * std::exp(-eta_h), h + eta_h);
      if (!old_denoised.empty()) {
        const float r = h_last / h;
        const float weight = (correction == Correction::heun ? gain / (-h - eta_h) + 1 : 0.5F * gain) * (1 / r);
        edm::advance(x, map(ScaledDifference{1}, denoised, old_denoised), weight);
      }
      if (options.eta != 0) add_increment(x, increment(), sigmas[i + 1], h, options);
      h_last = h;
    }
    old_denoised = std::move(denoised);
    on_step(static_cast<int>(i) + 1, x);
  }
  return x;
}

}  // namespace

Tensor sample_dpmpp_sde(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas, const EdmOptions& options,
                        NoiseSource& noise, const EdmStep& on_step) {
  std::vector<NoiseStep> steps;
  for (std::size_t i = 0; i + 2 < sigmas.size(); ++i) {
    const StagedStep step(sigmas[i], sigmas[i + 1], options);
    steps.push_back(noise_step(step.start, step.middle));
    steps.push_back(noise_step(step.start, step.end));
  }
  const BrownianNoise increment = brownian(noise, x, sigmas, std::move(steps));
  for (std::size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const Tensor denoised = denoise(x, sigmas[i]);
    if (sigmas[i + 1] == 0) {
      edm::advance(x, edm::slope(x, sigmas[i], denoised), sigmas[i + 1] - sigmas[i]);
    } else {
      const StagedStep step(sigmas[i], sigmas[i + 1], options);
      const Tensor x_2 = sde_step(x, denoised, step.start, step.middle, options, increment);
      // With r = 1/2 the first evaluation cancels out of the second stage.
      x = sde_step(x, denoise(x_2, edm::sigma_of(step.middle)), step.start, step.end, options, increment);
    }
    on_step(static_cast<int>(i) + 1, x);
  }
  return x;
}

Tensor sample_dpmpp_2m_sde(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas,
                           const EdmOptions& options, NoiseSource& noise, const EdmStep& on_step) {
  return sample_2m_sde(Correction::midpoint, denoise, std::move(x), sigmas, options, noise, on_step);
}

Tensor sample_dpmpp_2m_sde_heun(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas,
                                const EdmOptions& options, NoiseSource& noise, const EdmStep& on_step) {
  return sample_2m_sde(Correction::heun, denoise, std::move(x), sigmas, options, noise, on_step);
}

Tensor sample_dpmpp_3m_sde(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas,
                           const EdmOptions& options, NoiseSource& noise, const EdmStep& on_step) {
  const BrownianNoise increment = options.eta == 0 ? BrownianNoise{} : brownian(noise, x, sigmas);
  Tensor denoised_1;  // of the step before
  Tensor denoised_2;  // of the one before that
  float h_1 = 0;
  float h_2 = 0;
  for (std::size_t i = 0; i + 1 < sigmas.size(); ++i) {
    Tensor denoised = denoise(x, sigmas[i]);
    if (sigmas[i + 1] == 0) {
      x = denoised;
    } else {
      const float h = edm::time_of(sigmas[i + 1], options) - edm::time_of(sigmas[i], options);
      const float h_eta = h * (options.eta + 1);
      x = edm::exponential_step(std::move(x), denoised, std::exp(-h_eta), h_eta);
      const float phi_2 = std::expm1(-h_eta) / h_eta + 1;
      const float r0 = h_1 / h;
      if (!denoised_2.empty()) {
        const float phi_3 = phi_2 / h_eta - 0.5F;
        each(ThirdOrderCorrection{phi_2, phi_3, r0, h_2 / h}, x, x, denoised, denoised_1, denoised_2);
      } else if (!denoised_1.empty()) {
        each(SecondOrderCorrection{phi_2, r0}, x, x, denoised, denoised_1);
      }
      if (options.eta != 0) add_increment(x, increment(), sigmas[i + 1], h, options);
      h_2 = std::exchange(h_1, h);
    }
    denoised_2 = std::exchange(denoised_1, std::move(denoised));
    on_step(static_cast<int>(i) + 1, x);
  }
  return x;
}

}  // namespace diffbir
