#pragma once

#include <cstddef>

#include "runtime/tile_statistics.h"

namespace diffbir::runtime {

/// y = x * factor + offset over `area` values, then y * sigmoid(y) if `with_silu`. x and y may be the same memory.
void normalize_plane(const float* x, float* y, std::size_t area, float factor, float offset, bool with_silu);

/// Moments of `count` values: short float32 sums, carried on in double.
Moments moments_of(const float* x, std::size_t count);

}  // namespace diffbir::runtime
