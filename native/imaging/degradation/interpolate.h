#pragma once

#include <cstdint>

#include "core/tensor.h"

/// Resizing without antialias: what degradations do and restorations must not (behaviour.md B.3, B.4).
namespace diffbir {

/// torch's modes of interpolate(align_corners=False). `area` is adaptive average pooling, `bicubic` has a = -3/4.
enum class Interpolation { nearest, nearest_exact, bilinear, bicubic, area };

/// torch's interpolate to a size: x [B,C,H,W] of any range; bicubic may overshoot it. height, width >= 1.
Tensor interpolate(const Tensor& x, std::int64_t height, std::int64_t width, Interpolation mode);

/// torch's interpolate by a scale factor > 0: sides are floor(side * scale), at least 1 (torch fails at 0), and
/// coordinates follow the factor itself, not the quotient of the sides.
Tensor interpolate_by(const Tensor& x, double scale, Interpolation mode);

/// OpenCV's resize with INTER_LINEAR on float32; bilinear up to rounding of the coordinates.
Tensor resize_linear_cv2(const Tensor& x, std::int64_t height, std::int64_t width);

}  // namespace diffbir
