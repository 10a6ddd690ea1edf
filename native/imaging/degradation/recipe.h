#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>

#include "imaging/degradation/kernels.h"

/// What may happen to a picture: ranges and probabilities. src/degradation/recipes.ts has the named ones.
namespace diffbir {

/// Drawn from uniformly; low <= high. A range of no width is a fixed value.
struct Range {
  double low;
  double high;
};

/// A kernel: sinc with `sinc_probability`, else one of six forms with these weights.
struct BlurRecipe {
  std::int64_t smallest;  // side in pixels, odd; all odd sides up to `largest` are as likely
  std::int64_t largest;
  double sinc_probability;
  struct Form {
    BlurShape shape;
    bool isotropic;
    double weight;
  };
  std::array<Form, 6> forms;
  Range sigma;  // pixels, above 0, drawn for each axis of the kernel
  Range beta_generalized;
  Range beta_plateau;
};

/// Blur, shrink, noise, JPEG, enlarge (behaviour.md 8.2).
struct ClassicalRecipe {
  std::optional<BlurRecipe> blur;
  Range downscale;  // at least 1
  Range noise;      // deviation, levels of 255
  double gray_probability;
  std::optional<Range> jpeg;  // quality, 1 to 100; cut off to an integer
};

/// One of the two passes of the high-order model: blur, resize, noise, JPEG (behaviour.md 8.4).
struct PassRecipe {
  BlurRecipe blur;
  double blur_probability;
  double up;  // weights of enlarging by [1, scale.high], shrinking by [scale.low, 1], and neither
  double down;
  double keep;
  Range scale;  // contains 1
  double gaussian_probability;
  Range gaussian;  // deviation, levels of 255
  Range poisson;   // scale of the shot noise
  double gray_probability;
  Range jpeg;  // quality above 0 and below 100, not rounded
};

/// The high-order model of Real-ESRGAN (Wang et al. 2021) as DiffBIR v2.1 was trained with it (behaviour.md 8.3, 8.4).
/// The result is `reduction` times smaller than the picture before it is enlarged again.
struct TwoPassRecipe {
  bool sharpen;
  PassRecipe first;
  PassRecipe second;
  std::int64_t reduction;
  double final_sinc_probability;
  double sinc_before_jpeg_probability;
};

using Recipe = std::variant<ClassicalRecipe, TwoPassRecipe>;

/// Throws Error(invalid_option) that names the member with a value out of range.
void check_recipe(const Recipe& recipe);

/// The shortest side that a picture must have, whatever is drawn: kernels must not be larger than what they blur.
/// At least 8.
std::int64_t shortest_side(const Recipe& recipe);

}  // namespace diffbir
