#pragma once

#include "core/cancellation.h"

namespace diffbir::runtime {

/// Floating-point operations a second, in units of 1e9, that ONNX Runtime reaches in the product of two float32
/// matrices of 1024 x 1024: the best of what fits into a third of a second, at least two runs. 2 n^3 operations each.
/// Throws Error(aborted).
double measure_speed(int threads, CancellationToken& token);

}  // namespace diffbir::runtime
