#include "addon/job_args.h"

#include <limits>
#include <vector>

#include "addon/convert.h"

namespace diffbir {

namespace {

constexpr std::int64_t kMaxInt = std::numeric_limits<int>::max();

GuidanceOptions to_guidance(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  GuidanceOptions guidance;
  guidance.scale = static_cast<float>(field(object, name, "scale", to_number));
  guidance.start = static_cast<int>(field(object, name, "start", to_integer, -kMaxInt, kMaxInt));
  guidance.stop = static_cast<int>(field(object, name, "stop", to_integer, -kMaxInt, kMaxInt));
  guidance.repeat = static_cast<int>(field(object, name, "repeat", to_integer, 1, kMaxInt));
  return guidance;
}

TileSize to_tile_size(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  return {field(object, name, "tile", to_integer, 0, kMaxInt), field(object, name, "stride", to_integer, 0, kMaxInt)};
}

TilingOptions to_tiling(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  TilingOptions tiling;
  tiling.cleaner = field(object, name, "cleaner", to_tile_size);
  tiling.encoder = field(object, name, "encoder", to_integer, 0, kMaxInt);
  tiling.decoder = field(object, name, "decoder", to_integer, 0, kMaxInt);
  tiling.diffusion = field(object, name, "diffusion", to_tile_size);
  tiling.batch = field(object, name, "batch", to_integer, 1, 1024);
  tiling.encoder_at_once = field(object, name, "encoderAtOnce", to_boolean);
  tiling.decoder_at_once = field(object, name, "decoderAtOnce", to_boolean);
  return tiling;
}

Napi::Array from_times(Napi::Env env, const std::vector<StageTime>& times) {
  Napi::Array array = Napi::Array::New(env, times.size());
  std::uint32_t index = 0;
  for (const StageTime& time : times) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("stage", to_string(time.stage));
    object.Set("milliseconds", time.milliseconds);
    array.Set(index++, object);
  }
  return array;
}

}  // namespace

RestoreJob to_restore_job(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  RestoreJob job;
  job.image = field(object, name, "image", to_image);
  job.is_face = field(object, name, "isFace", to_boolean);
  job.stage = static_cast<int>(field(object, name, "stage", to_integer, 1, 2));
  job.upscale = field(object, name, "upscale", to_number);
  job.sampler = field(object, name, "sampler", to_text);
  job.edm = field(object, name, "edm", to_edm_options);
  job.steps = static_cast<int>(field(object, name, "steps", to_integer, 1, kMaxInt));
  job.cfg_scale = static_cast<float>(field(object, name, "cfgScale", to_number));
  job.rescale_cfg = field(object, name, "rescaleCfg", to_boolean);
  job.cfg_start = static_cast<float>(field(object, name, "cfgStart", to_number));
  job.cfg_stop = static_cast<float>(field(object, name, "cfgStop", to_number));
  job.strength = static_cast<float>(field(object, name, "strength", to_number));
  job.reuse = field(object, name, "reuse", to_text);
  job.reuse_interval = static_cast<int>(field(object, name, "reuseInterval", to_integer, 1, kMaxInt));
  job.noise_aug = static_cast<int>(field(object, name, "noiseAug", to_integer, 0, kMaxInt));
  job.start_point = field(object, name, "startPoint", to_text);
  job.guidance = field(object, name, "guidance", to_guidance);
  const Napi::Object guidance = field(object, name, "guidance", to_object);
  job.guidance_loss = field(guidance, name + ".guidance", "loss", to_text);
  job.guidance_space = field(guidance, name + ".guidance", "space", to_text);
  job.fidelity = static_cast<float>(field(object, name, "fidelity", to_number));
  job.tiling = field(object, name, "tiling", to_tiling);
  job.padding = field(object, name, "padding", to_text) == "zero" ? PadMode::zero : PadMode::reflect;
  job.parity = field(object, name, "parity", to_boolean);
  job.color_fix = field(object, name, "colorFix", to_text);
  job.positive_tokens = field(object, name, "positiveTokens", to_int32s);
  job.negative_tokens = field(object, name, "negativeTokens", to_int32s);
  job.seed = field(object, name, "seed", to_uint64);
  job.rng = field(object, name, "rng", to_text);
  job.noise = field(object, name, "noise", to_tensors);
  job.trace = field(object, name, "trace", to_boolean);
  job.keep_networks = field(object, name, "keepNetworks", to_boolean);
  return job;
}

Napi::Object from_restore_result(Napi::Env env, const RestoreResult& result) {
  Napi::Object trace = Napi::Object::New(env);
  for (const auto& [key, tensor] : result.trace) trace.Set(key, from_tensor(env, tensor));
  Napi::Object object = Napi::Object::New(env);
  object.Set("image", from_image(env, result.image));
  object.Set("times", from_times(env, result.times));
  object.Set("trace", trace);
  return object;
}

}  // namespace diffbir
