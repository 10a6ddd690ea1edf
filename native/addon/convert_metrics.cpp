#include "addon/convert_metrics.h"

#include <cstdint>
#include <optional>

#include "addon/convert.h"

namespace diffbir {

namespace {

Napi::Value from_optional(Napi::Env env, const std::optional<double>& value) {
  return value ? Napi::Value(Napi::Number::New(env, *value)) : env.Null();
}

Napi::Object from_appearance(Napi::Env env, const Appearance& appearance) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("niqe", from_optional(env, appearance.niqe));
  object.Set("highFrequency", appearance.high_frequency);
  return object;
}

}  // namespace

NiqeModel to_niqe_model(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  NiqeModel model;
  model.mean = field(object, name, "mean", to_doubles);
  model.covariance = field(object, name, "covariance", to_doubles);
  return model;
}

Napi::Object from_comparison(Napi::Env env, const Comparison& comparison) {
  Napi::Array shift = Napi::Array::New(env);
  for (std::uint32_t c = 0; c < 3; ++c) shift.Set(c, comparison.color_shift[c]);
  Napi::Object object = Napi::Object::New(env);
  object.Set("psnr", comparison.psnr);
  object.Set("psnrY", comparison.psnr_y);
  object.Set("ssim", from_optional(env, comparison.ssim));
  object.Set("ssimY", from_optional(env, comparison.ssim_y));
  object.Set("msSsim", from_optional(env, comparison.ms_ssim));
  object.Set("colorShift", shift);
  object.Set("reference", from_appearance(env, comparison.reference));
  object.Set("picture", from_appearance(env, comparison.picture));
  return object;
}

Napi::Object from_niqe_patches(Napi::Env env, const NiqePatches& patches) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("features", from_doubles(env, patches.features));
  object.Set("sharpness", from_doubles(env, patches.sharpness));
  return object;
}

}  // namespace diffbir
