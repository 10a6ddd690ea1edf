#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "addon/convert.h"
#include "addon/guarded_tensors.h"
#include "addon/primitives.h"
#include "core/rng.h"
#include "diffusion/cfg.h"
#include "diffusion/edge_weight.h"
#include "diffusion/edm.h"
#include "diffusion/guidance.h"
#include "diffusion/sampler.h"
#include "diffusion/schedule.h"

namespace diffbir {

namespace {

constexpr std::int64_t kMinInt = std::numeric_limits<std::int32_t>::min();
constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();

Napi::Array from_tensors(Napi::Env env, const std::vector<Tensor>& tensors) {
  Napi::Array array = Napi::Array::New(env, tensors.size());
  for (std::uint32_t i = 0; i < tensors.size(); ++i) array.Set(i, from_tensor(env, tensors[i]));
  return array;
}

int to_int(Napi::Value value, const std::string& name) {
  return static_cast<int>(to_integer(value, name, kMinInt, kMaxInt));
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

Napi::Value weighted_mse_guidance_delta(const Napi::CallbackInfo& info) {
  const Tensor pred = to_tensor(info[0], "pred");
  const Tensor target = to_tensor(info[1], "target");
  const Tensor weight = to_tensor(info[2], "weight");
  const auto scale = static_cast<float>(to_number(info[3], "scale"));
  return from_tensor(info.Env(), diffbir::weighted_mse_guidance_delta(pred, target, weight, scale));
}

Napi::Value edge_weight(const Napi::CallbackInfo& info) {
  return from_tensor(info.Env(), diffbir::edge_weight(to_tensor(info[0], "image")));
}

Napi::Value latent_edge_weight(const Napi::CallbackInfo& info) {
  const std::int64_t cell = to_integer(info[1], "cell", 1, kMaxInt);
  const Tensor image = to_tensor(info[0], "image").to(to_device(info[2], "guarded"));
  return from_tensor(info.Env(), diffbir::latent_edge_weight(image, cell).to_host());
}

/// A JavaScript function in place of the network; it runs on this thread, inside the sampler. What it gives is taken to
/// where x is.
Denoiser to_denoiser(Napi::Function call, const std::string& name) {
  return [call, name](const Tensor& x, float t) {
    const Napi::Env env = call.Env();
    const Napi::HandleScope scope(env);
    return to_tensor(call.Call({from_tensor(env, x.to_host()), Napi::Number::New(env, t)}), name + "()").to(x.device());
  };
}

/// Targets and weights are taken to `device`.
Guidance to_guidance(Napi::Value value, const std::string& name, const std::shared_ptr<Device>& device) {
  if (value.IsNull()) return {};
  const Napi::Object object = to_object(value, name);
  if (object.Has("fidelity")) {
    const auto fidelity = static_cast<float>(field(object, name, "fidelity", to_number));
    const Tensor target = to_tensor(field(object, name, "target", to_function).Call({}), name + ".target()");
    return fidelity_pull(fidelity, target.to(device));
  }
  GuidanceOptions options;
  options.scale = static_cast<float>(field(object, name, "scale", to_number));
  options.start = field(object, name, "start", to_int);
  options.stop = field(object, name, "stop", to_int);
  options.repeat = static_cast<int>(field(object, name, "repeat", to_integer, 1, 1000));
  if (object.Has("gradient")) {
    const Napi::Function gradient = field(object, name, "gradient", to_function);
    const auto call = [gradient, name](const Tensor& latent) {
      const Napi::HandleScope scope(gradient.Env());
      const Napi::Value result = gradient.Call({from_tensor(gradient.Env(), latent.to_host())});
      return to_tensor(result, name + ".gradient()").to(latent.device());
    };
    return rgb_mse_guidance(options, call, field(object, name, "values", to_integer, 1, kMaxInt));
  }
  const Napi::Function target = field(object, name, "target", to_function);
  const auto call = [target, name, device] {
    const Napi::HandleScope scope(target.Env());
    return to_tensor(target.Call({}), name + ".target()").to(device);
  };
  const bool is_weighted = object.Has("weight");
  return latent_mse_guidance(options, call,
                             is_weighted ? field(object, name, "weight", to_tensor).to(device) : Tensor());
}

Napi::Value sample(const Napi::CallbackInfo& info) {
  const std::string name = "options";
  const Napi::Object job = to_object(info[0], name);
  const NoiseSchedule schedule(field(job, name, "schedule", to_schedule_config));
  const std::shared_ptr<Device> device = field(job, name, "guarded", to_device);
  NoiseOnDevice noise(std::make_unique<RecordedNoise>(field(job, name, "noise", to_tensors)), device);
  SamplerOptions options;
  options.sampler = field(job, name, "sampler", to_text);
  options.steps = field(job, name, "steps", to_int);
  options.guidance = to_guidance(job.Get("guidance"), name + ".guidance", device);
  options.edm = field(job, name, "edm", to_edm_options);
  options.parity = field(job, name, "parity", to_boolean);
  CfgOptions cfg{field(job, name, "cfgScale", to_number), field(job, name, "rescaleCfg", to_boolean)};
  if (job.Has("cfgStart")) cfg.start = field(job, name, "cfgStart", to_number);
  if (job.Has("cfgStop")) cfg.stop = field(job, name, "cfgStop", to_number);
  cfg.test_base_scale = options.parity && tests_base_scale(options.sampler);
  const Denoiser model =
      classifier_free_guidance(to_denoiser(field(job, name, "cond", to_function), name + ".cond"),
                               to_denoiser(field(job, name, "uncond", to_function), name + ".uncond"), cfg);
  std::vector<Tensor> latents;
  options.on_step = [&](int, int, const Tensor& x) { latents.push_back(x.to_host()); };
  diffbir::sample(model, field(job, name, "x", to_tensor).to(device), schedule, options, noise);
  return from_tensors(info.Env(), latents);
}

/// One solver of the edm_ samplers on its own, with a JavaScript function as the denoiser.
Napi::Value edm_solve(const Napi::CallbackInfo& info) {
  const std::string name = "options";
  const Napi::Object job = to_object(info[0], name);
  const std::string sampler = field(job, name, "sampler", to_text);
  const auto known = edm_solvers();
  const auto found = std::ranges::find(known, sampler, &NamedEdmSolver::name);
  if (found == known.end()) refuse(job.Get("sampler"), name + ".sampler", "the name of an edm_ sampler");
  const std::vector<float> sigmas = field(job, name, "sigmas", to_floats);
  if (sigmas.size() < 2) refuse(job.Get("sigmas"), name + ".sigmas", "two noise levels or more");
  RecordedNoise noise(field(job, name, "noise", to_tensors));
  std::vector<Tensor> latents;
  found->solve(to_denoiser(field(job, name, "denoise", to_function), name + ".denoise"),
               field(job, name, "x", to_tensor), sigmas, field(job, name, "edm", to_edm_options), noise,
               [&](int, const Tensor& x) { latents.push_back(x); });
  return from_tensors(info.Env(), latents);
}

}  // namespace

void add_diffusion_primitives(Napi::Object primitives) {
  set_function(primitives, "cfgScaleAt", cfg_scale_at);
  set_function(primitives, "mseGuidanceDelta", mse_guidance_delta);
  set_function(primitives, "weightedMseGuidanceDelta", weighted_mse_guidance_delta);
  set_function(primitives, "edgeWeight", edge_weight);
  set_function(primitives, "latentEdgeWeight", latent_edge_weight);
  set_function(primitives, "sample", sample);
  set_function(primitives, "edmSolve", edm_solve);
}

}  // namespace diffbir
