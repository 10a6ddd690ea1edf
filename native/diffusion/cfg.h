#pragma once

#include "diffusion/denoiser.h"

namespace diffbir {

/// Classifier-free guidance (Ho & Salimans 2022; behaviour.md 3.2).
struct CfgOptions {
  double scale = 1.0;    // 1 = the conditional prediction alone
  bool rescale = false;  // the reference's rescale_cfg: the scale grows from 1 at t = 999 to scale + 1 at t = 0
  /// The part of the diffusion, 0 at t = 999 and 1 at t = 0, where the scale is in force; elsewhere it is 1
  /// (Kynkaanniemi et al. 2024, "Applying guidance in a limited interval").
  double start = 0;
  double stop = 1;
  /// Ask for the unconditional prediction also where the rescaled scale is 1 and it changes nothing, as some of the
  /// reference's samplers do.
  bool test_base_scale = false;
};

/// The scale in force at model timestep t: 1 outside the interval; with rescaling 1 + s (1 - cos(pi ((1000 - t) /
/// 1000)^5)) / 2, for scales above 1 only. A double, as in the reference: in float32 many early steps would be
/// exactly 1.
double cfg_scale_at(const CfgOptions& options, float t);

/// uncond + s (cond - uncond). `uncond` is not called where s is exactly 1: the scale in force, so that rescaling skips
/// it at t = 999, or with test_base_scale the scale given.
Denoiser classifier_free_guidance(Denoiser cond, Denoiser uncond, CfgOptions options);

/// Both predictions at once.
struct Pair {
  Tensor cond;
  Tensor uncond;
};
using PairDenoiser = std::function<Pair(const Tensor& x, float t)>;

/// The same with both predictions at once where both are needed, and `cond` where it alone is.
Denoiser classifier_free_guidance(Denoiser cond, PairDenoiser both, CfgOptions options);

}  // namespace diffbir
