#include <cstdint>
#include <string>
#include <utility>

#include "addon/convert.h"
#include "addon/convert_degradation.h"
#include "addon/primitives.h"
#include "imaging/degradation/kernels.h"
#include "imaging/degradation/plan.h"
#include "imaging/resize.h"

namespace diffbir {

namespace {

constexpr std::int64_t kMaxSide = std::int64_t{1} << 20;

BlurShape to_shape_word(Napi::Value value, const std::string& name) {
  const std::string word = to_text(value, name);
  if (word == "gaussian") return BlurShape::gaussian;
  if (word == "generalized") return BlurShape::generalized;
  if (word == "plateau") return BlurShape::plateau;
  refuse(value, name, "'gaussian', 'generalized' or 'plateau'");
}

Napi::Value blur_kernel(const Napi::CallbackInfo& info) {
  const std::string name = "kernel";
  const Napi::Object object = to_object(info[0], name);
  const BlurShape shape = field(object, name, "shape", to_shape_word);
  const std::int64_t size = field(object, name, "size", to_integer, 0, kMaxSide);
  BlurSpread spread{};
  spread.sigma_x = field(object, name, "sigmaX", to_number);
  spread.sigma_y = field(object, name, "sigmaY", to_number);
  spread.theta = field(object, name, "theta", to_number);
  const double beta = field(object, name, "beta", to_number);
  return from_blur_kernel(info.Env(), diffbir::blur_kernel(shape, size, spread, beta));
}

Napi::Value sinc_kernel(const Napi::CallbackInfo& info) {
  const double cutoff = to_number(info[0], "cutoff");
  const BlurKernel kernel = diffbir::sinc_kernel(cutoff, to_integer(info[1], "size", 0, kMaxSide));
  return from_blur_kernel(info.Env(), pad_kernel(kernel, to_integer(info[2], "padTo", 0, kMaxSide)));
}

Napi::Value draw_degradation(const Napi::CallbackInfo& info) {
  const Recipe recipe = to_recipe(info[0], "recipe");
  const std::int64_t width = to_integer(info[1], "width", 1, kMaxSide);
  const std::int64_t height = to_integer(info[2], "height", 1, kMaxSide);
  TorchGenerator generator(to_uint64(info[3], "seed"));
  return from_plan(info.Env(), draw_plan(recipe, {height, width}, generator));
}

Napi::Value apply_degradation(const Napi::CallbackInfo& info) {
  Tensor x = to_tensor(info[0], "x");
  const Plan plan = to_plan(info[1], "plan");
  RecordedDraws draws(to_tensors(info[2], "draws"));
  return from_tensor(info.Env(), apply_plan(plan, std::move(x), draws, CancellationToken()));
}

Napi::Value resize_box_pil(const Napi::CallbackInfo& info) {
  const Image image = to_image(info[0], "image");
  const std::int64_t width = to_integer(info[1], "width", 1, kMaxSide);
  return from_image(info.Env(), diffbir::resize_box_pil(image, width, to_integer(info[2], "height", 1, kMaxSide)));
}

Napi::Value center_crop(const Napi::CallbackInfo& info) {
  const Image image = to_image(info[0], "image");
  return from_image(info.Env(), diffbir::center_crop(image, to_integer(info[1], "size", 1, kMaxSide)));
}

}  // namespace

void add_degradation_primitives(Napi::Object primitives) {
  set_function(primitives, "blurKernel", blur_kernel);
  set_function(primitives, "sincKernel", sinc_kernel);
  set_function(primitives, "drawDegradation", draw_degradation);
  set_function(primitives, "applyDegradation", apply_degradation);
  set_function(primitives, "resizeBoxPil", resize_box_pil);
  set_function(primitives, "centerCrop", center_crop);
}

}  // namespace diffbir
