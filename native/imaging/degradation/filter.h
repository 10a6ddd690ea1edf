#pragma once

#include <vector>

#include "core/cancellation.h"
#include "core/tensor.h"
#include "imaging/degradation/kernels.h"

namespace diffbir {

/// Correlation (the kernel is not flipped) of every plane of x [B,C,H,W] with the kernel of its sample: one for all, or
/// one each. The border is reflected without repeating it (behaviour.md 8.1: filter2D). Sums are kept in float32.
/// Throws Error(invalid_image) when a side is not longer than half a kernel: there is nothing left to reflect.
/// Throws Error(aborted) between two rows once the token is cancelled: large kernels on large pictures take seconds.
Tensor filter2d(const Tensor& x, const std::vector<BlurKernel>& kernels, const CancellationToken& token);

/// Unsharp masking (behaviour.md 8.4, step 1): x in [0,1] plus half of what a Gaussian of 51 pixels and deviation 8
/// takes away, where that is more than 10 of 255 levels; the mask is blurred by the same Gaussian.
/// Throws as filter2d does, for a side of less than 26 pixels.
Tensor sharpen(const Tensor& x, const CancellationToken& token);

}  // namespace diffbir
