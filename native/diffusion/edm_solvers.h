#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <span>

#include "core/noise.h"
#include "core/tensor.h"

namespace diffbir {

/// Recorded roots and logarithms by their arguments, in place of our own: those that torch's library rounds otherwise.
/// The first step of an ancestral solver, from sigma 1e4, hangs on their last bit. Empty but for comparisons with
/// torch.
struct RecordedMath {
  std::map<float, float> roots;
  std::map<float, float> logs;

  float root(float x) const {
    const auto recorded = roots.find(x);
    return recorded == roots.end() ? std::sqrt(x) : recorded->second;
  }
  float log(float x) const {
    const auto recorded = logs.find(x);
    return recorded == logs.end() ? std::log(x) : recorded->second;
  }
};

/// Parameters of the edm_ samplers, named as in k-diffusion. Each uses those that its algorithm has.
struct EdmOptions {
  float s_churn = 0;   // >= 0: how much noise is added back over all steps; euler, heun, dpm_2
  float s_tmin = 0;    // noise levels between which churn applies, both included
  float s_tmax = 300;  //
  float s_noise = 1;   // >= 0: factor of every added noise
  float eta = 1;       // >= 0: 0 is deterministic, 1 adds as much noise as the ancestral and SDE solvers are made for
  int order = 1;       // 1..4, of lms
  RecordedMath math;
};

/// The denoised x_0 of x at a noise level: D(x; sigma) of Karras et al. 2022. sigma > 0.
using EdmDenoiser = std::function<Tensor(const Tensor& x, float sigma)>;

/// Called after each step with the number of steps done and x.
using EdmStep = std::function<void(int step, const Tensor& x)>;

/// One of k-diffusion's solvers (behaviour.md 3.6), under its name: from x [B,z,h,w] at sigmas[0] to x_0 at the last
/// level, which is 0; the levels descend strictly.
///
/// The state stays in float32 in exactly the order of operations that is written: from sigma 1e4 the first step cancels
/// four digits, and a more exact state would end elsewhere than the reference's.
using EdmSolver = Tensor (*)(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas,
                             const EdmOptions& options, NoiseSource& noise, const EdmStep& on_step);

// edm_ode.cpp: the probability flow ODE dx / dsigma = (x - D(x; sigma)) / sigma, with churn: noise added before a step.
// One normal tensor is drawn every step, used or not.

/// Algorithm 2 of Karras et al. 2022 with Euler's method in place of Heun's.
Tensor sample_euler(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas, const EdmOptions& options,
                    NoiseSource& noise, const EdmStep& on_step);

/// Algorithm 2 of Karras et al. 2022: Heun's method, Euler's for the last step.
Tensor sample_heun(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas, const EdmOptions& options,
                   NoiseSource& noise, const EdmStep& on_step);

/// DPM-Solver-2 (Lu et al. 2022a, algorithm 1) in sigma, inside algorithm 2: the slope at the geometric mean of the two
/// levels; Euler's for the last step.
Tensor sample_dpm_2(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas, const EdmOptions& options,
                    NoiseSource& noise, const EdmStep& on_step);

// edm_ancestral.cpp: a deterministic step below the next level, then fresh noise up to it (AncestralStep). One normal
// tensor is drawn every step but the last.

/// Euler's method with ancestral steps.
Tensor sample_euler_ancestral(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas,
                              const EdmOptions& options, NoiseSource& noise, const EdmStep& on_step);

/// DPM-Solver-2 with ancestral steps.
Tensor sample_dpm_2_ancestral(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas,
                              const EdmOptions& options, NoiseSource& noise, const EdmStep& on_step);

/// DPM-Solver++(2S) (Lu et al. 2022b, algorithm 1 with r = 1/2) with ancestral steps.
Tensor sample_dpmpp_2s_ancestral(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas,
                                 const EdmOptions& options, NoiseSource& noise, const EdmStep& on_step);

// edm_multistep.cpp: deterministic, with the memory of steps before. No noise is drawn.

/// Linear multistep (Adams-Bashforth with variable steps; Hairer, Norsett & Wanner 1993, III.5), options.order steps
/// back, fewer at the beginning.
Tensor sample_lms(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas, const EdmOptions& options,
                  NoiseSource& noise, const EdmStep& on_step);

/// DPM-Solver++(2M) (Lu et al. 2022b, algorithm 2).
Tensor sample_dpmpp_2m(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas, const EdmOptions& options,
                       NoiseSource& noise, const EdmStep& on_step);

// edm_sde.cpp: the diffusion SDE in log sigma with exponential integrators (Lu et al. 2022b, section 5; Gonzalez et al.
// 2023, SEEDS), noise from one Brownian motion for the whole run, so that it hardly depends on the step count.

/// SDE-DPM-Solver++ with a stage at the middle of each step (r = 1/2). Two increments a step, none at the last.
Tensor sample_dpmpp_sde(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas, const EdmOptions& options,
                        NoiseSource& noise, const EdmStep& on_step);

/// SDE-DPM-Solver++(2M), midpoint form. With one step it is D(x; sigma), where the reference fails. One increment a
/// step, none at the last and none at all where eta is 0.
Tensor sample_dpmpp_2m_sde(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas,
                           const EdmOptions& options, NoiseSource& noise, const EdmStep& on_step);

/// The same in Heun's form.
Tensor sample_dpmpp_2m_sde_heun(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas,
                                const EdmOptions& options, NoiseSource& noise, const EdmStep& on_step);

/// SDE-DPM-Solver++ with two steps before (3M). Edge cases and draws as for 2M.
Tensor sample_dpmpp_3m_sde(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas,
                           const EdmOptions& options, NoiseSource& noise, const EdmStep& on_step);

}  // namespace diffbir
