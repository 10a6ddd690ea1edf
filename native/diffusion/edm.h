#pragma once

#include <span>
#include <string_view>

#include "core/noise.h"
#include "core/tensor.h"
#include "diffusion/denoiser.h"
#include "diffusion/edm_solvers.h"
#include "diffusion/sampler.h"
#include "diffusion/schedule.h"

namespace diffbir {

/// A solver under the name by which it is chosen as a sampler, for instance `edm_dpm++_2m`.
struct NamedEdmSolver {
  std::string_view name;
  EdmSolver solve;
};
std::span<const NamedEdmSolver> edm_solvers();

/// Everything around a solver: the levels, x_T scaled to the first of them, the network as a denoiser with Karras'
/// preconditioning (c_in, c_out, c_skip) at the timestep of the nearest level, and guidance on each denoised x_0
/// (several a step where a solver asks several times), with rescale 1.
Tensor sample_edm(EdmSolver solver, const Denoiser& model, Tensor x, const NoiseSchedule& schedule,
                  const SamplerOptions& options, NoiseSource& noise);

}  // namespace diffbir
