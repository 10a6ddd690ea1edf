#pragma once

#include "core/host_device.h"

/// The arithmetic of diffusion/, one element at a time, in float32 and in the reference's order: what each() of
/// core/each.h runs over tensors, on the host and on devices. C++17, and nothing included that nvcc could not read.
namespace diffbir {

struct Scale {
  float factor;
  DIFFBIR_HOST_DEVICE float operator()(float x) const { return x * factor; }
};

struct Product {
  DIFFBIR_HOST_DEVICE float operator()(float x, float y) const { return x * y; }
};

/// A step of the forward process, a posterior mean, a preconditioned denoiser.
struct WeightedSum {
  float a, b;
  DIFFBIR_HOST_DEVICE float operator()(float x, float y) const { return a * x + b * y; }
};

/// x_0 from x_t and the network's prediction, both for eps and for v; a step for a constant integrand.
struct WeightedDifference {
  float a, b;
  DIFFBIR_HOST_DEVICE float operator()(float x, float y) const { return a * x - b * y; }
};

struct AddScaled {
  float factor;
  DIFFBIR_HOST_DEVICE float operator()(float x, float y) const { return x + y * factor; }
};

struct ScaledDifference {
  float factor;
  DIFFBIR_HOST_DEVICE float operator()(float x, float y) const { return factor * (x - y); }
};

/// Either part of x = a other + b part from the other.
struct OtherPart {
  float a, b;
  DIFFBIR_HOST_DEVICE float operator()(float x, float other) const { return (x - a * other) / b; }
};

/// Classifier-free guidance.
struct Guide {
  float scale;
  DIFFBIR_HOST_DEVICE float operator()(float uncond, float cond) const { return uncond + scale * (cond - uncond); }
};

/// -scale d/dpred mean((pred - target)^2) over `count` elements.
struct MseDescent {
  float count, scale;
  DIFFBIR_HOST_DEVICE float operator()(float pred, float target) const {
    return -(2.0F * (pred - target) / count) * scale;
  }
};

/// A draw of DDPM's posterior.
struct PosteriorSample {
  float x0_weight, x_weight, sigma;
  DIFFBIR_HOST_DEVICE float operator()(float x0, float x, float noise) const {
    return x0_weight * x0 + x_weight * x + sigma * noise;
  }
};

/// The slope dx / dsigma (Karras et al. 2022, equation 3).
struct Slope {
  float sigma;
  DIFFBIR_HOST_DEVICE float operator()(float x, float denoised) const { return (x - denoised) / sigma; }
};

/// A deviation as the product of three, since its rounding counts.
struct AddNoise {
  float a, b, c;
  DIFFBIR_HOST_DEVICE float operator()(float x, float noise) const { return x + noise * a * b * c; }
};

struct Mean {
  DIFFBIR_HOST_DEVICE float operator()(float x, float y) const { return (x + y) / 2; }
};

/// What SDE-DPM-Solver++(3M) adds to a first-order step when it knows one step before, r0 steps long.
struct SecondOrderCorrection {
  float phi_2, r0;
  DIFFBIR_HOST_DEVICE float operator()(float x, float denoised, float before) const {
    return x + phi_2 * ((denoised - before) / r0);
  }
};

/// The same with two steps before.
struct ThirdOrderCorrection {
  float phi_2, phi_3, r0, r1;
  DIFFBIR_HOST_DEVICE float operator()(float x, float denoised, float before, float before_that) const {
    const float d1_0 = (denoised - before) / r0;
    const float d1_1 = (before - before_that) / r1;
    const float d1 = d1_0 + (d1_0 - d1_1) * r0 / (r0 + r1);
    const float d2 = (d1_0 - d1_1) / (r0 + r1);
    return x + phi_2 * d1 - phi_3 * d2;
  }
};

}  // namespace diffbir
