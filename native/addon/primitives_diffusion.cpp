#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "addon/convert.h"
#include "addon/primitives.h"
#include "core/rng.h"
#include "diffusion/cfg.h"
#include "diffusion/guidance.h"
#include "diffusion/sampler.h"
#include "diffusion/schedule.h"
#include "diffusion/spaced.h"

namespace diffbir {

namespace {

constexpr std::int64_t kMinInt = std::numeric_limits<std::int32_t>::min();
constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();

int to_int(Napi::Value value, const std::string& name) {
  return static_cast<int>(to_integer(value, name, kMinInt, kMaxInt));
}

Napi::Value noise_schedule(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const NoiseSchedule schedule(to_schedule_config(info[0], "schedule"));
  Napi::Object tables = Napi::Object::New(env);
  tables.Set("betas", from_doubles(env, schedule.betas));
  tables.Set("alphasCumprod", from_doubles(env, schedule.alphas_cumprod));
  tables.Set("sqrtAlphasCumprod", from_floats(env, schedule.sqrt_alphas_cumprod));
  tables.Set("sqrtOneMinusAlphasCumprod", from_floats(env, schedule.sqrt_one_minus_alphas_cumprod));
  return tables;
}

/// The tables under the reference's names.
Napi::Value spaced_schedule(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const NoiseSchedule schedule(to_schedule_config(info[0], "schedule"));
  const SpacedSchedule spaced(schedule, to_int(info[1], "steps"));
  Napi::Object tables = Napi::Object::New(env);
  tables.Set("timesteps", from_int32s(env, spaced.timesteps));
  tables.Set("sqrt_alphas_cumprod", from_floats(env, spaced.sqrt_alphas_cumprod));
  tables.Set("sqrt_one_minus_alphas_cumprod", from_floats(env, spaced.sqrt_one_minus_alphas_cumprod));
  tables.Set("sqrt_recip_alphas_cumprod", from_floats(env, spaced.sqrt_recip_alphas_cumprod));
  tables.Set("sqrt_recipm1_alphas_cumprod", from_floats(env, spaced.sqrt_recipm1_alphas_cumprod));
  tables.Set("posterior_variance", from_floats(env, spaced.posterior_variance));
  tables.Set("posterior_log_variance_clipped", from_floats(env, spaced.posterior_log_variance_clipped));
  tables.Set("posterior_mean_coef1", from_floats(env, spaced.posterior_mean_coef1));
  tables.Set("posterior_mean_coef2", from_floats(env, spaced.posterior_mean_coef2));
  return tables;
}

Napi::Value q_sample(const Napi::CallbackInfo& info) {
  const NoiseSchedule schedule(to_schedule_config(info[0], "schedule"));
  const Tensor x = to_tensor(info[1], "x");
  const std::int64_t t = to_int(info[2], "t");
  return from_tensor(info.Env(), schedule.q_sample(x, t, to_tensor(info[3], "noise")));
}

Napi::Value cfg_scale_at(const Napi::CallbackInfo& info) {
  const CfgOptions options{to_number(info[0], "scale"), to_boolean(info[1], "rescale")};
  const auto t = static_cast<float>(to_number(info[2], "t"));
  return Napi::Number::New(info.Env(), diffbir::cfg_scale_at(options, t));
}

Napi::Value mse_guidance_delta(const Napi::CallbackInfo& info) {
  const Tensor pred = to_tensor(info[0], "pred");
  const Tensor target = to_tensor(info[1], "target");
  const auto scale = static_cast<float>(to_number(info[2], "scale"));
  return from_tensor(info.Env(), diffbir::mse_guidance_delta(pred, target, scale));
}

/// A JavaScript function in place of the network; it runs on this thread, inside the sampler.
Denoiser to_denoiser(Napi::Function call, const std::string& name) {
  return [call, name](const Tensor& x, float t) {
    const Napi::Env env = call.Env();
    const Napi::HandleScope scope(env);
    return to_tensor(call.Call({from_tensor(env, x), Napi::Number::New(env, t)}), name + "()");
  };
}

Guidance to_guidance(Napi::Value value, const std::string& name) {
  if (value.IsNull()) return {};
  const Napi::Object object = to_object(value, name);
  GuidanceOptions options;
  options.scale = static_cast<float>(field(object, name, "scale", to_number));
  options.start = field(object, name, "start", to_int);
  options.stop = field(object, name, "stop", to_int);
  options.repeat = static_cast<int>(field(object, name, "repeat", to_integer, 1, 1000));
  const Napi::Function target = field(object, name, "target", to_function);
  return latent_mse_guidance(options, [target, name] {
    const Napi::HandleScope scope(target.Env());
    return to_tensor(target.Call({}), name + ".target()");
  });
}

Napi::Value sample(const Napi::CallbackInfo& info) {
  const std::string name = "options";
  const Napi::Object job = to_object(info[0], name);
  const NoiseSchedule schedule(field(job, name, "schedule", to_schedule_config));
  RecordedNoise noise(field(job, name, "noise", to_tensors));
  const CfgOptions cfg{field(job, name, "cfgScale", to_number), field(job, name, "rescaleCfg", to_boolean)};
  const Denoiser model =
      classifier_free_guidance(to_denoiser(field(job, name, "cond", to_function), name + ".cond"),
                               to_denoiser(field(job, name, "uncond", to_function), name + ".uncond"), cfg);
  std::vector<Tensor> latents;
  SamplerOptions options;
  options.sampler = field(job, name, "sampler", to_text);
  options.steps = field(job, name, "steps", to_int);
  options.guidance = field(job, name, "guidance", to_guidance);
  options.on_step = [&](int, int, const Tensor& x) { latents.push_back(x); };
  diffbir::sample(model, field(job, name, "x", to_tensor), schedule, options, noise);

  Napi::Array result = Napi::Array::New(info.Env(), latents.size());
  for (std::uint32_t i = 0; i < latents.size(); ++i) result.Set(i, from_tensor(info.Env(), latents[i]));
  return result;
}

}  // namespace

void add_diffusion_primitives(Napi::Object primitives) {
  set_function(primitives, "noiseSchedule", noise_schedule);
  set_function(primitives, "spacedSchedule", spaced_schedule);
  set_function(primitives, "qSample", q_sample);
  set_function(primitives, "cfgScaleAt", cfg_scale_at);
  set_function(primitives, "mseGuidanceDelta", mse_guidance_delta);
  set_function(primitives, "sample", sample);
}

}  // namespace diffbir
