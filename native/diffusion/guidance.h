#pragma once

#include <cstdint>
#include <functional>

#include "core/tensor.h"

namespace diffbir {

/// Latent image guidance (DiffBIR paper, section 3.4; behaviour.md 4): pulls the predicted x0 towards the
/// stage-1 latent, trading detail (scale 0) for fidelity.
struct GuidanceOptions {
  float scale = 0.0F;  // 0 = off
  int start = 1001;    // applied where stop < t + 1 < start, t = model timestep
  int stop = -1;
  int repeat = 1;  // gradient steps per sampling step
};

/// -(dL/d pred) * 3000 * scale for L = sum over the batch of mean((pred - target)^2).
/// pred, target: [B,C,H,W]; the result has the same shape.
Tensor mse_guidance_delta(const Tensor& pred, const Tensor& target, float scale);

/// The same for L = sum over the batch of mean(weight (pred - target)^2), weight [B,1,H,W] for all channels.
Tensor weighted_mse_guidance_delta(const Tensor& pred, const Tensor& target, const Tensor& weight, float scale);

/// Called by a sampler after it has predicted x0 and before it uses it. Changes pred_x0 [B,z,h,w] in place.
/// `rescale` is 1 / posterior_mean_coef1 of the step (1 for samplers that have no such coefficient).
using Guidance = std::function<void(Tensor& pred_x0, float t, float rescale)>;

/// What one gradient step adds to pred_x0, before it is multiplied by `rescale`. Same shape as pred_x0.
using GuidanceStep = std::function<Tensor(const Tensor& pred_x0)>;

/// Gradient steps where and as often as the options say. Returns an empty function when options.scale is 0.
Guidance guidance(const GuidanceOptions& options, GuidanceStep step);

/// Closed-form MSE guidance in latent space, weighted where `weight` [B,1,h,w] is not empty (latent_edge_weight).
/// `target` is asked for once per repeat and step, as the reference does, which encodes its target anew each time; the
/// pipeline answers with the posterior mode. Returns an empty function when options.scale is 0.
Guidance latent_mse_guidance(GuidanceOptions options, std::function<Tensor()> target, Tensor weight = {});

/// The gradient at a latent of sum(weight (decode(latent) - target)^2) / 2, with the picture to be met inside.
using DecodedGradient = std::function<Tensor(const Tensor& latent)>;

/// MSE guidance in rgb space: the loss is the mean over the `values` of a decoded picture (channels, rows and columns
/// of one batch item), its gradient pulled back through the decoder. Returns an empty function when options.scale is 0.
Guidance rgb_mse_guidance(const GuidanceOptions& options, DecodedGradient gradient, std::int64_t values);

/// The friendly form of guidance: every prediction moves by fidelity^2 of its way to `target` [B,z,h,w], so that 0
/// leaves it alone and 1 ends at the target. As a gradient step of the latent MSE, it has the scale that makes the pull
/// the same for every size of picture, model and sampler; since it acts on a prediction and not on a step, it does not
/// grow with the number of steps either. The square: between a network that forgets the pull until its next prediction,
/// whose distance to the target falls to 1 - f^2, and one that keeps all of it, whose distance falls to about
/// 0.03^(f^2) (1 - f^2) while the noise level goes from 1 to 0.03, lies a fall of about 1 - f. Empty for 0.
Guidance fidelity_pull(float fidelity, Tensor target);

/// First a, then b; either may be empty, and with both the result is.
Guidance one_after_other(Guidance a, Guidance b);

}  // namespace diffbir
