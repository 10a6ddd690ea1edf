#pragma once

#include "diffusion/denoiser.h"

namespace diffbir {

/// Classifier-free guidance (Ho & Salimans 2022; behaviour.md 3.2).
struct CfgOptions {
  float scale = 1.0F;     // 1 = the conditional prediction alone
  bool rescale = false;   // the reference's rescale_cfg: the scale grows from 1 at t = 999 to scale + 1 at t = 0
};

/// The scale in force at model timestep t. Rescaling applies to scales above 1 only.
float cfg_scale_at(const CfgOptions& options, float t);

/// uncond + s (cond - uncond). `uncond` is not called where s is exactly 1.
Denoiser classifier_free_guidance(Denoiser cond, Denoiser uncond, CfgOptions options);

}  // namespace diffbir
