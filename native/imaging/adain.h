#pragma once

#include "core/tensor.h"

namespace diffbir {

/// Colour fix by adaptive instance normalisation (Huang & Belongie 2017, equation 8; behaviour.md 7.2): every channel
/// of `content` moved and stretched to the mean and the deviation of the same channel of `style`, then clamped to
/// [0,1]. Both [B,C,H,W] of one shape, nominally in [0,1]; any size from 1x1. Deviations are sqrt(variance + 1e-5) with
/// the variance over H W - 1; that of a single pixel, where torch has NaN, counts as 0.
Tensor adaptive_instance_normalization(const Tensor& content, const Tensor& style);

}  // namespace diffbir
