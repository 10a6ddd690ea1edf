#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "core/cancellation.h"
#include "core/rng.h"
#include "core/tensor.h"
#include "imaging/degradation/diffjpeg.h"
#include "imaging/degradation/draws.h"
#include "imaging/degradation/filter.h"
#include "imaging/degradation/interpolate.h"
#include "imaging/degradation/noise.h"
#include "imaging/degradation/recipe.h"
#include "imaging/resize.h"

/// A degradation in two parts: a plan, which has every decision in it, and its application, which draws noise alone. So
/// a recorded run can be repeated, and what happened to a picture can be told.
namespace diffbir {

struct Sharpen {};
struct Filter {
  std::vector<BlurKernel> kernels;  // one for all samples, or one each
};
struct ResizeTo {
  Size size;
  std::optional<Interpolation> mode;  // torch's; empty: OpenCV's INTER_LINEAR
};
struct ResizeBy {
  double scale;
  Interpolation mode;
};
struct GaussianNoise {
  std::vector<SampleNoise> samples;  // deviations in levels of 255
};
struct PoissonNoise {
  std::vector<SampleNoise> samples;
};
struct DiffJpeg {
  std::vector<double> quality;
  LuminanceTable luminance = LuminanceTable::reference;
  CodecRounding rounding = CodecRounding::nearest;
};
struct Jpeg {
  int quality;
};
/// To [0,1].
struct Clamp {};
/// To [0,1] and the levels of 8 bits, ties to even.
struct Quantize {};

using Operation =
    std::variant<Sharpen, Filter, ResizeTo, ResizeBy, GaussianNoise, PoissonNoise, DiffJpeg, Jpeg, Clamp, Quantize>;
using Plan = std::vector<Operation>;

/// Makes every decision of a recipe for one picture of this size, in the order in which they are applied; for each:
/// whether it happens, which form it takes, then its numbers. In detail:
/// - a kernel: side; sinc or not; the cutoff of a sinc, else form, sigma x, [sigma y, theta], [side of beta, beta];
/// - classical: kernel, downscale, sigma, gray, quality;
/// - two passes: for each pass [whether it blurs], kernel, direction and factor of the resize, its mode, kind of noise,
///   strength, gray, quality; the second pass then has its sinc filter (whether, side, cutoff) and whether that comes
///   before JPEG, in which case the mode of the resize to the final size comes before the quality.
/// Throws what check_recipe() throws, and Error(invalid_image) where a side is below shortest_side().
Plan draw_plan(const Recipe& recipe, Size size, TorchGenerator& generator);

/// x [B,3,H,W] in [0,1]; the result may overshoot that where a plan ends with an interpolation.
/// Throws Error(aborted) between two operations, or two rows of a filter, once the token is cancelled.
Tensor apply_plan(const Plan& plan, Tensor x, NoiseDraws& draws, const CancellationToken& token);

/// Plan and application with one generator of this seed, in and out as 8 bits (rounded to nearest).
Image degrade(const Image& image, const Recipe& recipe, std::uint64_t seed, const CancellationToken& token);

}  // namespace diffbir
