#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "addon/convert.h"
#include "addon/convert_degradation.h"

namespace diffbir {

namespace {

Range to_range(Napi::Value value, const std::string& name) {
  const Napi::Array pair = to_array(value, name);
  if (pair.Length() != 2) refuse(value, name, "two numbers");
  return {to_number(pair.Get(0U), name + "[0]"), to_number(pair.Get(1U), name + "[1]")};
}

constexpr std::array<std::pair<const char*, BlurRecipe::Form>, 6> kForms = {{
    {"iso", {BlurShape::gaussian, true, 0}},
    {"aniso", {BlurShape::gaussian, false, 0}},
    {"generalizedIso", {BlurShape::generalized, true, 0}},
    {"generalizedAniso", {BlurShape::generalized, false, 0}},
    {"plateauIso", {BlurShape::plateau, true, 0}},
    {"plateauAniso", {BlurShape::plateau, false, 0}},
}};

BlurRecipe to_blur(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  const Napi::Array sizes = to_array(object.Get("sizes"), name + ".sizes");
  const Napi::Object forms = to_object(object.Get("forms"), name + ".forms");
  BlurRecipe blur{};
  blur.smallest = to_integer(sizes.Get(0U), name + ".sizes[0]", 1, kMaxKernelSize);
  blur.largest = to_integer(sizes.Get(1U), name + ".sizes[1]", 1, kMaxKernelSize);
  blur.sinc_probability = field(object, name, "sinc", to_number);
  for (std::size_t i = 0; i < kForms.size(); ++i) {
    blur.forms[i] = kForms[i].second;
    blur.forms[i].weight = field(forms, name + ".forms", kForms[i].first, to_number);
  }
  blur.sigma = field(object, name, "sigma", to_range);
  blur.beta_generalized = field(object, name, "betaGeneralized", to_range);
  blur.beta_plateau = field(object, name, "betaPlateau", to_range);
  return blur;
}

ClassicalRecipe to_classical(const Napi::Object& object, const std::string& name) {
  ClassicalRecipe recipe{};
  if (!object.Get("blur").IsNull()) recipe.blur = field(object, name, "blur", to_blur);
  recipe.downscale = field(object, name, "downscale", to_range);
  recipe.noise = field(object, name, "noise", to_range);
  recipe.gray_probability = field(object, name, "gray", to_number);
  if (!object.Get("jpeg").IsNull()) recipe.jpeg = field(object, name, "jpeg", to_range);
  return recipe;
}

PassRecipe to_pass(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  const Napi::Object resize = to_object(object.Get("resize"), name + ".resize");
  PassRecipe pass{};
  pass.blur = field(object, name, "blur", to_blur);
  pass.blur_probability = field(object, name, "blurProbability", to_number);
  pass.up = field(resize, name + ".resize", "up", to_number);
  pass.down = field(resize, name + ".resize", "down", to_number);
  pass.keep = field(resize, name + ".resize", "keep", to_number);
  pass.scale = field(object, name, "scale", to_range);
  pass.gaussian_probability = field(object, name, "gaussianProbability", to_number);
  pass.gaussian = field(object, name, "gaussian", to_range);
  pass.poisson = field(object, name, "poisson", to_range);
  pass.gray_probability = field(object, name, "gray", to_number);
  pass.jpeg = field(object, name, "jpeg", to_range);
  return pass;
}

TwoPassRecipe to_two_pass(const Napi::Object& object, const std::string& name) {
  TwoPassRecipe recipe{};
  recipe.sharpen = field(object, name, "sharpen", to_boolean);
  recipe.first = field(object, name, "first", to_pass);
  recipe.second = field(object, name, "second", to_pass);
  recipe.reduction = field(object, name, "reduction", to_integer, 1, 64);
  recipe.final_sinc_probability = field(object, name, "finalSinc", to_number);
  recipe.sinc_before_jpeg_probability = field(object, name, "sincBeforeJpeg", to_number);
  return recipe;
}

}  // namespace

Recipe to_recipe(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  const std::string kind = field(object, name, "kind", to_text);
  if (kind == "classical") return to_classical(object, name);
  if (kind == "twoPass") return to_two_pass(object, name);
  refuse(object.Get("kind"), name + ".kind", "'classical' or 'twoPass'");
}

}  // namespace diffbir
