#include "diffusion/guidance.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/each.h"
#include "core/error.h"
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
  return map(MseDescent{count, kScaleUnit * scale}, pred, target);
}

Tensor weighted_mse_guidance_delta(const Tensor& pred, const Tensor& target, const Tensor& weight, float scale) {
  Tensor delta = mse_guidance_delta(pred, target, scale);
  if (weight.shape() != Shape{pred.dim(0), 1, pred.dim(2), pred.dim(3)} || weight.device() != pred.device()) {
    throw Error(ErrorCode::internal, "Expected one weight a pixel for weighted_mse_guidance_delta but received " +
                                         to_string(weight.shape()) + " for " + to_string(pred.shape()));
  }
  const auto area = static_cast<std::size_t>(pred.dim(2) * pred.dim(3));
  const auto channels = static_cast<std::size_t>(pred.dim(1));
  for (std::size_t place = 0; place < delta.size(); place += area) {
    float* const plane = delta.data() + place;
    const float* const weights = weight.data() + place / area / channels * area;
    each_value(delta.device().get(), Product{}, area, plane, plane, weights);
  }
  return delta;
}

Guidance guidance(const GuidanceOptions& options, GuidanceStep step) {
  if (options.scale == 0) return {};
  return [options, step = std::move(step)](Tensor& pred_x0, float t, float rescale) {
    const float time = t + 1;
    if (!(static_cast<float>(options.stop) < time && time < static_cast<float>(options.start))) return;
    for (int i = 0; i < options.repeat; ++i) {
      each(AddScaled{rescale}, pred_x0, pred_x0, step(pred_x0));
    }
  };
}

Guidance latent_mse_guidance(GuidanceOptions options, std::function<Tensor()> target, Tensor weight) {
  return guidance(options, [=, weight = std::move(weight), target = std::move(target)](const Tensor& pred_x0) {
    return weight.empty() ? mse_guidance_delta(pred_x0, target(), options.scale)
                          : weighted_mse_guidance_delta(pred_x0, target(), weight, options.scale);
  });
}

Guidance rgb_mse_guidance(const GuidanceOptions& options, DecodedGradient gradient, std::int64_t values) {
  const float factor = -2.0F / static_cast<float>(values) * kScaleUnit * options.scale;
  return guidance(options, [factor, gradient = std::move(gradient)](const Tensor& pred_x0) {
    Tensor delta = gradient(pred_x0);
    require_same_shape(delta, pred_x0, "the gradient of the decoded picture");
    require_finite(delta, "the gradient of the decoded picture");
    each(Scale{factor}, delta, delta);
    return delta;
  });
}

Guidance fidelity_pull(float fidelity, Tensor target) {
  if (fidelity == 0) return {};
  return [share = fidelity * fidelity, target = std::move(target)](Tensor& pred_x0, float, float) {
    require_same_shape(pred_x0, target, "fidelity_pull");
    each(WeightedSum{1.0F - share, share}, pred_x0, pred_x0, target);
  };
}

Guidance one_after_other(Guidance a, Guidance b) {
  if (!a || !b) return a ? std::move(a) : std::move(b);
  return [a = std::move(a), b = std::move(b)](Tensor& pred_x0, float t, float rescale) {
    a(pred_x0, t, rescale);
    b(pred_x0, t, rescale);
  };
}

}  // namespace diffbir
