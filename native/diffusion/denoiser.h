#pragma once

#include <functional>

#include "core/tensor.h"

namespace diffbir {

/// What the network is trained to predict from x_t: the noise, or v = sqrt(acp) eps - sqrt(1-acp) x0
/// (Salimans & Ho 2022, section 4; behaviour.md 3.1).
enum class Parameterization { eps, v };

/// The network as a sampler sees it: raw prediction (eps or v, same shape as x) for latents x [B,z,h,w] at the model
/// timestep t (0..999, fractional for DPM-Solver). Guidance by prompt, control strength and tiling are wrapped inside.
using Denoiser = std::function<Tensor(const Tensor& x, float t)>;

}  // namespace diffbir
