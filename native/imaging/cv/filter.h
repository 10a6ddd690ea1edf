#pragma once

#include <cstdint>

#include "core/cancellation.h"
#include "imaging/cv/plane.h"

namespace diffbir::cv {

/// erode(kernel=ones(side, side)), its anchor at side / 2: the least value under the kernel; what lies outside of the
/// plane does not count. side >= 1; OpenCV takes an empty kernel for one of 3.
Plane erode(const Plane& plane, std::int64_t side, const CancellationToken& token);

/// GaussianBlur(ksize=(side, side), sigma) with the border reflected (101); side odd, at least 1. A sigma of 0 is
/// OpenCV's for the side: 0.3 ((side - 1) / 2 - 1) + 0.8, and its table of weights up to a side of 9.
Plane gaussian_blur(const Plane& plane, std::int64_t side, double sigma, const CancellationToken& token);

}  // namespace diffbir::cv
