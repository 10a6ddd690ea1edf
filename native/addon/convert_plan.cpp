#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "addon/convert.h"
#include "addon/convert_degradation.h"

namespace diffbir {

namespace {

constexpr std::int64_t kMaxSide = std::int64_t{1} << 20;
constexpr const char* kLinearCv2 = "linearCv2";

constexpr std::array<std::pair<const char*, Interpolation>, 5> kModes = {{
    {"nearest", Interpolation::nearest},
    {"nearest-exact", Interpolation::nearest_exact},
    {"bilinear", Interpolation::bilinear},
    {"bicubic", Interpolation::bicubic},
    {"area", Interpolation::area},
}};

Interpolation to_mode(Napi::Value value, const std::string& name) {
  const std::string text = to_text(value, name);
  for (const auto& [word, mode] : kModes) {
    if (text == word) return mode;
  }
  refuse(value, name, "'nearest', 'nearest-exact', 'bilinear', 'bicubic' or 'area'");
}

const char* word_of(Interpolation mode) {
  for (const auto& [word, known] : kModes) {
    if (known == mode) return word;
  }
  return "";
}

std::optional<Interpolation> to_mode_or_cv2(Napi::Value value, const std::string& name) {
  if (to_text(value, name) == kLinearCv2) return std::nullopt;
  return to_mode(value, name);
}

std::vector<SampleNoise> to_samples(const Napi::Object& object, const std::string& name) {
  const Napi::Array strength = to_array(object.Get("strength"), name + ".strength");
  const Napi::Array gray = to_array(object.Get("gray"), name + ".gray");
  if (gray.Length() != strength.Length()) refuse(gray, name + ".gray", "as many values as for strength");
  std::vector<SampleNoise> samples;
  for (std::uint32_t i = 0; i < strength.Length(); ++i) {
    samples.push_back({to_number(strength.Get(i), name + ".strength"), to_boolean(gray.Get(i), name + ".gray")});
  }
  return samples;
}

DiffJpeg to_diff_jpeg(const Napi::Object& object, const std::string& name) {
  const Napi::Array quality = to_array(object.Get("quality"), name + ".quality");
  DiffJpeg codec;
  for (std::uint32_t i = 0; i < quality.Length(); ++i) {
    codec.quality.push_back(to_number(quality.Get(i), name + ".quality"));
  }
  const bool standard = field(object, name, "standardTable", to_boolean);
  codec.luminance = standard ? LuminanceTable::standard : LuminanceTable::reference;
  const bool soft = field(object, name, "softRounding", to_boolean);
  codec.rounding = soft ? CodecRounding::soft : CodecRounding::nearest;
  return codec;
}

Filter to_filter(const Napi::Object& object, const std::string& name) {
  const Napi::Array kernels = to_array(object.Get("kernels"), name + ".kernels");
  Filter filter;
  for (std::uint32_t i = 0; i < kernels.Length(); ++i) {
    filter.kernels.push_back(to_blur_kernel(kernels.Get(i), name + ".kernels[" + std::to_string(i) + "]"));
  }
  return filter;
}

Operation to_operation(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  const std::string kind = field(object, name, "kind", to_text);
  if (kind == "sharpen") return Sharpen{};
  if (kind == "filter") return to_filter(object, name);
  if (kind == "resizeTo") {
    const std::int64_t height = field(object, name, "height", to_integer, 1, kMaxSide);
    const std::int64_t width = field(object, name, "width", to_integer, 1, kMaxSide);
    return ResizeTo{{height, width}, field(object, name, "mode", to_mode_or_cv2)};
  }
  if (kind == "resizeBy")
    return ResizeBy{field(object, name, "scale", to_number), field(object, name, "mode", to_mode)};
  if (kind == "gaussianNoise") return GaussianNoise{to_samples(object, name)};
  if (kind == "poissonNoise") return PoissonNoise{to_samples(object, name)};
  if (kind == "diffJpeg") return to_diff_jpeg(object, name);
  if (kind == "jpeg") return Jpeg{static_cast<int>(field(object, name, "quality", to_integer, -kMaxSide, kMaxSide))};
  if (kind == "clamp") return Clamp{};
  if (kind == "quantize") return Quantize{};
  refuse(object.Get("kind"), name + ".kind", "the kind of an operation");
}

/// Fills the JavaScript object of one operation.
struct Describe {
  Napi::Object object;

  void operator()(const Sharpen&) { set("kind", "sharpen"); }
  void operator()(const Filter& filter) {
    set("kind", "filter");
    Napi::Array kernels = Napi::Array::New(object.Env());
    for (std::uint32_t i = 0; i < filter.kernels.size(); ++i) {
      kernels.Set(i, from_blur_kernel(object.Env(), filter.kernels[i]));
    }
    object.Set("kernels", kernels);
  }
  void operator()(const ResizeTo& resize) {
    set("kind", "resizeTo");
    set("height", static_cast<double>(resize.size.height));
    set("width", static_cast<double>(resize.size.width));
    set("mode", resize.mode ? word_of(*resize.mode) : kLinearCv2);
  }
  void operator()(const ResizeBy& resize) {
    set("kind", "resizeBy");
    set("scale", resize.scale);
    set("mode", word_of(resize.mode));
  }
  void operator()(const GaussianNoise& noise) {
    set("kind", "gaussianNoise");
    set_samples(noise.samples);
  }
  void operator()(const PoissonNoise& noise) {
    set("kind", "poissonNoise");
    set_samples(noise.samples);
  }
  void operator()(const DiffJpeg& codec) {
    set("kind", "diffJpeg");
    Napi::Array quality = Napi::Array::New(object.Env());
    for (std::uint32_t i = 0; i < codec.quality.size(); ++i) quality.Set(i, codec.quality[i]);
    object.Set("quality", quality);
    set("standardTable", codec.luminance == LuminanceTable::standard);
    set("softRounding", codec.rounding == CodecRounding::soft);
  }
  void operator()(const Jpeg& codec) {
    set("kind", "jpeg");
    set("quality", static_cast<double>(codec.quality));
  }
  void operator()(const Clamp&) { set("kind", "clamp"); }
  void operator()(const Quantize&) { set("kind", "quantize"); }

 private:
  template <typename Value>
  void set(const char* key, Value value) {
    object.Set(key, value);
  }
  void set_samples(const std::vector<SampleNoise>& samples) {
    Napi::Array strength = Napi::Array::New(object.Env());
    Napi::Array gray = Napi::Array::New(object.Env());
    for (std::uint32_t i = 0; i < samples.size(); ++i) {
      strength.Set(i, samples[i].strength);
      gray.Set(i, samples[i].gray);
    }
    object.Set("strength", strength);
    object.Set("gray", gray);
  }
};

}  // namespace

BlurKernel to_blur_kernel(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  BlurKernel kernel;
  kernel.size = field(object, name, "size", to_integer, 1, kMaxKernelSize);
  kernel.weights = field(object, name, "weights", to_doubles);
  if (kernel.size % 2 == 0 || kernel.weights.size() != static_cast<std::size_t>(kernel.size * kernel.size)) {
    refuse(value, name, "size * size weights of an odd size");
  }
  return kernel;
}

Plan to_plan(Napi::Value value, const std::string& name) {
  const Napi::Array array = to_array(value, name);
  Plan plan;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    plan.push_back(to_operation(array.Get(i), name + "[" + std::to_string(i) + "]"));
  }
  return plan;
}

Napi::Object from_blur_kernel(Napi::Env env, const BlurKernel& kernel) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("size", static_cast<double>(kernel.size));
  object.Set("weights", from_doubles(env, kernel.weights));
  return object;
}

Napi::Array from_plan(Napi::Env env, const Plan& plan) {
  Napi::Array array = Napi::Array::New(env);
  for (std::uint32_t i = 0; i < plan.size(); ++i) {
    Describe describe{Napi::Object::New(env)};
    std::visit(describe, plan[i]);
    array.Set(i, describe.object);
  }
  return array;
}

}  // namespace diffbir
