#include "imaging/degradation/recipe.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/error.h"

namespace diffbir {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kShortestSide = 8;
constexpr std::int64_t kSharpenKernel = 51;

[[noreturn]] void refuse_member(const std::string& name, const std::string& expected) {
  throw Error(ErrorCode::invalid_option, "Expected " + expected + " for " + name);
}

void check_range(const Range& range, const std::string& name, double low, double high) {
  if (range.low >= low && range.low <= range.high && range.high <= high && std::isfinite(range.high)) return;
  refuse_member(name, "numbers low <= high from " + std::to_string(low) + " to " + std::to_string(high));
}

void check_positive(const Range& range, const std::string& name) {
  if (!(range.low > 0)) refuse_member(name, "numbers above 0");
  check_range(range, name, 0, kInfinity);
}

void check_probability(double value, const std::string& name) {
  if (!(value >= 0 && value <= 1)) refuse_member(name, "a number from 0 to 1");
}

void check_weights(std::initializer_list<double> weights, const std::string& name) {
  double sum = 0;
  for (const double weight : weights) sum += weight >= 0 ? weight : kInfinity;
  if (!(sum > 0 && std::isfinite(sum))) refuse_member(name, "weights of at least 0, one of them above 0,");
}

void check_blur(const BlurRecipe& blur, const std::string& name) {
  const bool odd = blur.smallest % 2 == 1 && blur.largest % 2 == 1;
  if (!odd || blur.smallest < 1 || blur.smallest > blur.largest || blur.largest > kMaxKernelSize) {
    refuse_member(name + ".sizes", "odd numbers low <= high from 1 to " + std::to_string(kMaxKernelSize));
  }
  const auto& f = blur.forms;
  check_weights({f[0].weight, f[1].weight, f[2].weight, f[3].weight, f[4].weight, f[5].weight}, name + ".forms");
  check_probability(blur.sinc_probability, name + ".sinc");
  check_positive(blur.sigma, name + ".sigma");
  check_positive(blur.beta_generalized, name + ".betaGeneralized");
  check_positive(blur.beta_plateau, name + ".betaPlateau");
}

void check_pass(const PassRecipe& pass, const std::string& name) {
  check_blur(pass.blur, name + ".blur");
  check_probability(pass.blur_probability, name + ".blurProbability");
  check_weights({pass.up, pass.down, pass.keep}, name + ".resize");
  check_positive(pass.scale, name + ".scale");
  if (!(pass.scale.low <= 1 && pass.scale.high >= 1 && pass.scale.high <= 16)) {
    refuse_member(name + ".scale", "numbers low <= 1 <= high <= 16");
  }
  check_probability(pass.gaussian_probability, name + ".gaussianProbability");
  check_range(pass.gaussian, name + ".gaussian", 0, 255);
  check_range(pass.poisson, name + ".poisson", 0, 255);
  check_probability(pass.gray_probability, name + ".gray");
  check_range(pass.jpeg, name + ".jpeg", 1, 99);
}

struct Check {
  void operator()(const ClassicalRecipe& recipe) const {
    if (recipe.blur) check_blur(*recipe.blur, "blur");
    check_range(recipe.downscale, "downscale", 1, 1024);
    check_range(recipe.noise, "noise", 0, 255);
    check_probability(recipe.gray_probability, "gray");
    if (recipe.jpeg) check_range(*recipe.jpeg, "jpeg", 1, 100);
  }
  void operator()(const TwoPassRecipe& recipe) const {
    check_pass(recipe.first, "first");
    check_pass(recipe.second, "second");
    if (recipe.reduction < 1 || recipe.reduction > 64) refuse_member("reduction", "an integer from 1 to 64");
    check_probability(recipe.final_sinc_probability, "finalSinc");
    check_probability(recipe.sinc_before_jpeg_probability, "sincBeforeJpeg");
  }
};

/// The shortest side that leaves enough pixels for a kernel when the side is shrunk by `scale`, then cut off.
std::int64_t side_for_kernel(std::int64_t kernel, double scale) {
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(kernel / 2 + 1) / scale));
}

struct ShortestSide {
  std::int64_t operator()(const ClassicalRecipe& recipe) const {
    const auto for_shrinking = static_cast<std::int64_t>(std::ceil(recipe.downscale.high));
    return std::max(for_shrinking, recipe.blur ? side_for_kernel(recipe.blur->largest, 1) : 1);
  }
  std::int64_t operator()(const TwoPassRecipe& recipe) const {
    const auto& [sharpen, first, second, reduction, final_sinc, before] = recipe;
    const double smallest = first.down > 0 ? first.scale.low : 1.0;
    const double reduced = 1.0 / static_cast<double>(reduction);
    return std::max({sharpen ? side_for_kernel(kSharpenKernel, 1) : 1, side_for_kernel(first.blur.largest, 1),
                     side_for_kernel(second.blur_probability > 0 ? second.blur.largest : 1, smallest),
                     side_for_kernel(final_sinc > 0 ? second.blur.largest : 1, reduced),
                     side_for_kernel(1, reduced * (second.down > 0 ? second.scale.low : 1.0))});
  }
};

}  // namespace

void check_recipe(const Recipe& recipe) { std::visit(Check{}, recipe); }

std::int64_t shortest_side(const Recipe& recipe) { return std::max(std::visit(ShortestSide{}, recipe), kShortestSide); }

}  // namespace diffbir
