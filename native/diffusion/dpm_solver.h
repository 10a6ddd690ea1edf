#pragma once

#include <string>
#include <vector>

#include "core/noise.h"
#include "core/tensor.h"
#include "diffusion/denoiser.h"
#include "diffusion/sampler.h"
#include "diffusion/schedule.h"

namespace diffbir {

/// Which of the DPM-Solvers: named `dpm++_m2` and the like in the reference.
struct DpmVariant {
  /// DPM-Solver++ (Lu et al. 2022b) integrates the predicted x_0, DPM-Solver (Lu et al. 2022a) the predicted noise.
  enum class Predicts { x0, noise } predicts;
  /// A multistep solver remembers earlier predictions; a singlestep solver asks for more inside each step.
  enum class Memory { multistep, singlestep } memory;
  int order;  // 1..3

  /// `dpm` or `dpm++`, `_m` or `_s`, the order.
  std::string name() const;
};

/// All twelve.
std::vector<DpmVariant> dpm_variants();

/// DPM-Solver and DPM-Solver++ over evenly spaced times (behaviour.md 3.5). `steps` is the number of network calls: a
/// singlestep solver of order k takes about steps / k steps. Multistep solvers begin with lower orders and, below 10
/// steps, end with them. Deterministic: draws no noise. steps >= 1; the reference refuses 1. Guidance acts on x_0 at
/// every call.
Tensor sample_dpm(DpmVariant variant, const Denoiser& model, Tensor x, const NoiseSchedule& schedule,
                  const SamplerOptions& options, NoiseSource& noise);

}  // namespace diffbir
