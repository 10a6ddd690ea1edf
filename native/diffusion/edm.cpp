#include "diffusion/edm.h"

#include <array>
#include <cmath>
#include <utility>

#include "core/each.h"
#include "diffusion/edm_schedule.h"
#include "diffusion/kernels.h"

namespace diffbir {

namespace {

constexpr std::array kSolvers{NamedEdmSolver{"edm_euler", sample_euler},
                              NamedEdmSolver{"edm_euler_a", sample_euler_ancestral},
                              NamedEdmSolver{"edm_heun", sample_heun},
                              NamedEdmSolver{"edm_dpm_2", sample_dpm_2},
                              NamedEdmSolver{"edm_dpm_2_a", sample_dpm_2_ancestral},
                              NamedEdmSolver{"edm_lms", sample_lms},
                              NamedEdmSolver{"edm_dpm++_2s_a", sample_dpmpp_2s_ancestral},
                              NamedEdmSolver{"edm_dpm++_sde", sample_dpmpp_sde},
                              NamedEdmSolver{"edm_dpm++_2m", sample_dpmpp_2m},
                              NamedEdmSolver{"edm_dpm++_2m_sde", sample_dpmpp_2m_sde},
                              NamedEdmSolver{"edm_dpm++_2m_sde_heun", sample_dpmpp_2m_sde_heun},
                              NamedEdmSolver{"edm_dpm++_3m_sde", sample_dpmpp_3m_sde}};

/// c_skip, c_out and c_in of a noise level (Karras et al. 2022, table 1, for eps and v networks).
struct Preconditioning {
  Preconditioning(float sigma, Parameterization parameterization) : in(1.0F / std::sqrt(sigma * sigma + 1.0F)) {
    if (parameterization == Parameterization::eps) {
      skip = 1.0F;
      out = -sigma;
    } else {
      skip = 1.0F / (sigma * sigma + 1.0F);
      out = -sigma / std::sqrt(sigma * sigma + 1.0F);
    }
  }
  float in, skip, out;
};

}  // namespace

std::span<const NamedEdmSolver> edm_solvers() { return kSolvers; }

Tensor sample_edm(EdmSolver solver, const Denoiser& model, Tensor x, const NoiseSchedule& schedule,
                  const SamplerOptions& options, NoiseSource& noise) {
  const EdmSchedule levels(schedule, options.steps, options.parity);

  const EdmDenoiser denoise = [&](const Tensor& noisy, float sigma) {
    const Preconditioning c(sigma, schedule.config.parameterization);
    const float t = levels.timestep(sigma);
    Tensor denoised = model(map(Scale{c.in}, noisy), t);
    each(WeightedSum{c.out, c.skip}, denoised, denoised, noisy);
    if (options.guidance) options.guidance(denoised, t, 1.0F);
    return denoised;
  };
  const EdmStep on_step = [&](int step, const Tensor& latent) {
    if (options.on_step) options.on_step(step, options.steps, latent);
  };

  const float scale = std::sqrt(1.0F + levels.sigmas.front() * levels.sigmas.front());
  each(Scale{scale}, x, x);
  return solver(denoise, std::move(x), levels.sigmas, options.edm, noise, on_step);
}

}  // namespace diffbir
