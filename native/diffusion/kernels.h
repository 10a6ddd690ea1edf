#pragma once

#include "core/host_device.h"

/// The arithmetic of diffusion/, one element at a time, in float32 and in the reference's order.
namespace diffbir {

/// a x + b y: a step of the forward process, a posterior mean.
DIFFBIR_HOST_DEVICE inline float combine(float a, float x, float b, float y) { return a * x + b * y; }

/// x_0 from x_t and the network's prediction, both for eps and for v; only the coefficients differ.
DIFFBIR_HOST_DEVICE inline float predict_x0(float a, float x, float b, float prediction) {
  return a * x - b * prediction;
}

/// Classifier-free guidance.
DIFFBIR_HOST_DEVICE inline float guide(float uncond, float scale, float cond) {
  return uncond + scale * (cond - uncond);
}

/// -scale d/dpred mean((pred - target)^2) over `count` elements.
DIFFBIR_HOST_DEVICE inline float mse_descent(float pred, float target, float count, float scale) {
  return -(2.0F * (pred - target) / count) * scale;
}

}  // namespace diffbir
