#pragma once

#include "imaging/metrics/plane.h"

namespace diffbir {

/// Shortest sides that SSIM and MS-SSIM can measure: one window, and one window at a sixteenth of the size.
inline constexpr std::int64_t kSsimSide = 11;
inline constexpr std::int64_t kMsSsimSide = 16 * kSsimSide;

/// Structural similarity (Wang et al. 2004): Gaussian window of 11 pixels and deviation 1.5, K = (0.01, 0.03), range
/// 255, covariances not corrected for sample size, mean over windows inside the picture. Equals scikit-image's
/// structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255).
/// Both planes of one size, sides at least kSsimSide.
double ssim(const Plane& a, const Plane& b);

/// Multi-scale SSIM (Wang et al. 2003): contrast and structure at five scales, each the 2 x 2 means of the one before,
/// luminance at the last; exponents 0.0448, 0.2856, 0.3001, 0.2363, 0.1333; a negative mean counts as 0.
/// Sides at least kMsSsimSide.
double ms_ssim(const Plane& a, const Plane& b);

}  // namespace diffbir
