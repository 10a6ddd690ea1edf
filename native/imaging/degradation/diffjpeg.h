#pragma once

#include <vector>

#include "core/tensor.h"

namespace diffbir {

/// The reference has T.81's luminance table the wrong way round: rows where columns should be.
enum class LuminanceTable { reference, standard };

/// `soft` keeps the cube of what rounding takes away, which lets a gradient through.
enum class CodecRounding { nearest, soft };

/// JPEG without its bit stream, as Real-ESRGAN's training does it (DiffJPEG, not differentiable here;
/// behaviour.md 8.4): 4:2:0, x [B,3,H,W] in [0,1] in and out, no rounding to 8 bits, ties of coefficients to even.
/// `quality` in (0, 100), fractions included, one for each sample or one for all; Error(invalid_option) for others, at
/// 100 all steps are 0.
Tensor diff_jpeg(const Tensor& x, const std::vector<double>& quality,
                 LuminanceTable luminance = LuminanceTable::reference, CodecRounding rounding = CodecRounding::nearest);

}  // namespace diffbir
