#include "diffusion/cfg.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "core/each.h"
#include "diffusion/kernels.h"

namespace diffbir {

double cfg_scale_at(const CfgOptions& options, float t) {
  const double done = std::clamp((999.0 - static_cast<double>(t)) / 999.0, 0.0, 1.0);
  if (done < options.start || done > options.stop) return 1;
  if (!options.rescale || !(options.scale > 1)) return options.scale;
  const double progress = std::pow((1000.0 - static_cast<double>(t)) / 1000.0, 5.0);
  return 1 + options.scale * (1 - std::cos(std::numbers::pi * progress)) / 2;
}

Denoiser classifier_free_guidance(Denoiser cond, PairDenoiser both, CfgOptions options) {
  return [cond = std::move(cond), both = std::move(both), options](const Tensor& x, float t) {
    const double scale = cfg_scale_at(options, t);
    const bool whole_interval = options.start <= 0 && options.stop >= 1;
    if ((options.test_base_scale && whole_interval ? options.scale : scale) == 1) return cond(x, t);
    auto [prediction, unconditional] = both(x, t);
    require_same_shape(prediction, unconditional, "classifier-free guidance");
    each(Guide{static_cast<float>(scale)}, prediction, unconditional, prediction);
    return std::move(prediction);
  };
}

Denoiser classifier_free_guidance(Denoiser cond, Denoiser uncond, CfgOptions options) {
  const auto both = [cond, uncond = std::move(uncond)](const Tensor& x, float t) {
    Tensor prediction = cond(x, t);
    return Pair{std::move(prediction), uncond(x, t)};
  };
  return classifier_free_guidance(cond, PairDenoiser(both), options);
}

}  // namespace diffbir
