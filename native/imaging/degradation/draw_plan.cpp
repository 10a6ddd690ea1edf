#include <algorithm>
#include <array>
#include <cstddef>
#include <numbers>
#include <span>
#include <string>
#include <utility>

#include "core/error.h"
#include "imaging/degradation/plan.h"

namespace diffbir {

namespace {

constexpr std::array kModes = {Interpolation::area, Interpolation::bilinear, Interpolation::bicubic};

/// Decisions, one torch.rand each.
class Decisions {
 public:
  explicit Decisions(TorchGenerator& generator) : generator_(&generator) {}

  double uniform(const Range& range) { return range.low + (range.high - range.low) * unit(); }
  bool happens(double probability) { return unit() < probability; }
  std::size_t choose(std::span<const double> weights) {
    double sum = 0;
    for (const double weight : weights) sum += weight;
    double at = unit() * sum;
    for (std::size_t i = 0; i + 1 < weights.size(); ++i) {
      if (at < weights[i]) return i;
      at -= weights[i];
    }
    // Not a last choice of weight 0, which rounding could end at.
    std::size_t last = weights.size() - 1;
    while (last > 0 && weights[last] == 0) --last;
    return last;
  }
  Interpolation mode() { return kModes[choose(std::array{1.0, 1.0, 1.0})]; }
  /// An odd side.
  std::int64_t side(const BlurRecipe& blur) {
    const auto count = static_cast<double>((blur.largest - blur.smallest) / 2 + 1);
    return blur.smallest + 2 * static_cast<std::int64_t>(unit() * count);
  }

 private:
  double unit() { return generator_->rand(1).front(); }

  TorchGenerator* generator_;
};

BlurKernel draw_sinc(Decisions& decide, std::int64_t side, double lowest_cutoff) {
  return sinc_kernel(decide.uniform({lowest_cutoff, std::numbers::pi}), side);
}

/// Half of the draws at or below 1, half above it, so that heavy and light tails are as likely.
double draw_beta(Decisions& decide, const Range& range) {
  return decide.happens(0.5) ? decide.uniform({range.low, std::max(range.low, 1.0)})
                             : decide.uniform({std::min(range.high, 1.0), range.high});
}

BlurKernel draw_kernel(Decisions& decide, const BlurRecipe& blur) {
  constexpr double pi = std::numbers::pi;
  const std::int64_t side = decide.side(blur);
  if (decide.happens(blur.sinc_probability)) return draw_sinc(decide, side, side < 13 ? pi / 3 : pi / 5);
  std::array<double, 6> weights;
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = blur.forms[i].weight;
  const BlurRecipe::Form& form = blur.forms[decide.choose(weights)];
  BlurSpread spread{};
  spread.sigma_x = decide.uniform(blur.sigma);
  spread.sigma_y = spread.sigma_x;
  if (!form.isotropic) {
    spread.sigma_y = decide.uniform(blur.sigma);
    spread.theta = decide.uniform({-pi, pi});
  }
  double beta = 1;
  if (form.shape == BlurShape::generalized) beta = draw_beta(decide, blur.beta_generalized);
  if (form.shape == BlurShape::plateau) beta = draw_beta(decide, blur.beta_plateau);
  return blur_kernel(form.shape, side, spread, beta);
}

std::vector<SampleNoise> draw_noise(Decisions& decide, const Range& strength, double gray_probability) {
  const double drawn = decide.uniform(strength);
  return {{drawn, decide.happens(gray_probability)}};
}

std::int64_t cut_off(double value) { return static_cast<std::int64_t>(value); }

class Planner {
 public:
  Planner(Size size, Decisions& decide) : size_(size), decide_(&decide) {}

  Plan operator()(const ClassicalRecipe& recipe) {
    if (recipe.blur) plan_.push_back(Filter{{draw_kernel(*decide_, *recipe.blur)}});
    const double scale = decide_->uniform(recipe.downscale);
    plan_.push_back(ResizeTo{{cut_off(height() / scale), cut_off(width() / scale)}, {}});
    plan_.push_back(GaussianNoise{draw_noise(*decide_, recipe.noise, recipe.gray_probability)});
    if (recipe.jpeg) plan_.push_back(Jpeg{static_cast<int>(decide_->uniform(*recipe.jpeg))});
    plan_.push_back(ResizeTo{size_, {}});
    return std::move(plan_);
  }

  Plan operator()(const TwoPassRecipe& recipe) {
    if (recipe.sharpen) plan_.push_back(Sharpen{});
    blur(recipe.first);
    const double scale = draw_scale(recipe.first);
    plan_.push_back(ResizeBy{scale, decide_->mode()});
    noise(recipe.first);
    compress(recipe.first);

    blur(recipe.second);
    const auto reduction = static_cast<double>(recipe.reduction);
    resize_to(draw_scale(recipe.second) / reduction);
    noise(recipe.second);
    finish(recipe, 1 / reduction);

    plan_.push_back(ResizeTo{size_, Interpolation::bicubic});
    plan_.push_back(Quantize{});
    return std::move(plan_);
  }

 private:
  double height() const { return static_cast<double>(size_.height); }
  double width() const { return static_cast<double>(size_.width); }

  void blur(const PassRecipe& pass) {
    if (decide_->happens(pass.blur_probability)) plan_.push_back(Filter{{draw_kernel(*decide_, pass.blur)}});
  }

  double draw_scale(const PassRecipe& pass) {
    switch (decide_->choose(std::array{pass.up, pass.down, pass.keep})) {
      case 0:
        return decide_->uniform({1, pass.scale.high});
      case 1:
        return decide_->uniform({pass.scale.low, 1});
      default:
        return 1;
    }
  }

  void resize_to(double scale) {
    plan_.push_back(ResizeTo{{cut_off(height() * scale), cut_off(width() * scale)}, decide_->mode()});
  }

  void noise(const PassRecipe& pass) {
    if (decide_->happens(pass.gaussian_probability)) {
      plan_.push_back(GaussianNoise{draw_noise(*decide_, pass.gaussian, pass.gray_probability)});
    } else {
      plan_.push_back(PoissonNoise{draw_noise(*decide_, pass.poisson, pass.gray_probability)});
    }
  }

  void compress(const PassRecipe& pass) {
    plan_.push_back(Clamp{});
    plan_.push_back(DiffJpeg{.quality = {decide_->uniform(pass.jpeg)}});
  }

  /// To the final size; a sinc filter, which rings as sharpening and resampling do, before or after the last JPEG.
  void finish(const TwoPassRecipe& recipe, double scale) {
    BlurKernel sinc;
    if (decide_->happens(recipe.final_sinc_probability)) {
      sinc = draw_sinc(*decide_, decide_->side(recipe.second.blur), std::numbers::pi / 3);
    }
    if (decide_->happens(recipe.sinc_before_jpeg_probability)) {
      resize_to(scale);
      plan_.push_back(Filter{{std::move(sinc)}});
      compress(recipe.second);
    } else {
      compress(recipe.second);
      resize_to(scale);
      plan_.push_back(Filter{{std::move(sinc)}});
    }
  }

  Size size_;
  Decisions* decide_;
  Plan plan_;
};

}  // namespace

Plan draw_plan(const Recipe& recipe, Size size, TorchGenerator& generator) {
  check_recipe(recipe);
  const std::int64_t shortest = shortest_side(recipe);
  if (std::min(size.height, size.width) < shortest) {
    throw Error(ErrorCode::invalid_image, "A picture of " + std::to_string(size.width) + " x " +
                                              std::to_string(size.height) +
                                              " pixels is too small for this recipe: it " + "needs at least " +
                                              std::to_string(shortest) + " on each side");
  }
  Decisions decisions(generator);
  return std::visit(Planner(size, decisions), recipe);
}

}  // namespace diffbir
