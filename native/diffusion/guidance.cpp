#include "diffusion/guidance.h"

#include <cstddef>
#include <utility>

#include "diffusion/kernels.h"

namespace diffbir {

namespace {

/// The reference's unit of g_scale.
constexpr float kScaleUnit = 3000.0F;

}  // namespace

Tensor mse_guidance_delta(const Tensor& pred, const Tensor& target, float scale) {
  require_nchw(pred, "mse_guidance_delta");
  require_same_shape(pred, target, "mse_guidance_delta");
  const auto count = static_cast<float>(pred.dim(1) * pred.dim(2) * pred.dim(3));
  Tensor delta(pred.shape());
  for (std::size_t i = 0; i < delta.size(); ++i) {
    delta.data()[i] = mse_descent(pred.data()[i], target.data()[i], count, kScaleUnit * scale);
  }
  return delta;
}

Guidance latent_mse_guidance(GuidanceOptions options, std::function<Tensor()> target) {
  if (options.scale == 0) return {};
  return [options, target = std::move(target)](Tensor& pred_x0, float t, float rescale) {
    const float step = t + 1;
    if (!(static_cast<float>(options.stop) < step && step < static_cast<float>(options.start))) return;
    for (int i = 0; i < options.repeat; ++i) {
      const Tensor delta = mse_guidance_delta(pred_x0, target(), options.scale);
      for (std::size_t j = 0; j < pred_x0.size(); ++j) pred_x0.data()[j] += delta.data()[j] * rescale;
    }
  };
}

}  // namespace diffbir
