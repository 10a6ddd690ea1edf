#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "addon/convert.h"
#include "addon/primitives.h"
#include "diffusion/ddim.h"
#include "diffusion/dpm_schedule.h"
#include "diffusion/edm_schedule.h"
#include "diffusion/schedule.h"
#include "diffusion/spaced.h"
#include "pipeline/reuse_schedule.h"

namespace diffbir {

namespace {

/// Step counts of a schedule; a longer one is refused by the schedule itself.
int to_steps(Napi::Value value, const std::string& name) {
  return static_cast<int>(to_integer(value, name, -1000000, 1000000));
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
  const SpacedSchedule spaced(schedule, to_steps(info[1], "steps"));
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
  const std::int64_t t = to_integer(info[2], "t", -kMaxSafeInteger, kMaxSafeInteger);
  return from_tensor(info.Env(), schedule.q_sample(x, t, to_tensor(info[3], "noise")));
}

Napi::Value velocity(const Napi::CallbackInfo& info) {
  const NoiseSchedule schedule(to_schedule_config(info[0], "schedule"));
  const Tensor x = to_tensor(info[1], "x");
  const std::int64_t t = to_integer(info[2], "t", -kMaxSafeInteger, kMaxSafeInteger);
  return from_tensor(info.Env(), schedule.velocity(x, t, to_tensor(info[3], "noise")));
}

Napi::Value space_timesteps(const Napi::CallbackInfo& info) {
  const std::int64_t timesteps = to_integer(info[0], "timesteps", 1, 1000000);
  return from_int32s(info.Env(), diffbir::space_timesteps(timesteps, to_int32s(info[1], "counts")));
}

Napi::Value strided_timesteps(const Napi::CallbackInfo& info) {
  const std::int64_t timesteps = to_integer(info[0], "timesteps", 1, 1000000);
  return from_int32s(info.Env(), diffbir::strided_timesteps(timesteps, to_steps(info[1], "steps")));
}

/// The tables under the reference's names.
Napi::Value ddim_schedule(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const NoiseSchedule schedule(to_schedule_config(info[0], "schedule"));
  const DdimSchedule ddim(schedule, to_steps(info[1], "steps"), to_number(info[2], "eta"));
  Napi::Object tables = Napi::Object::New(env);
  tables.Set("timesteps", from_int32s(env, ddim.timesteps));
  tables.Set("ddim_alphas", from_floats(env, ddim.alphas));
  tables.Set("ddim_alphas_prev", from_floats(env, ddim.alphas_prev));
  tables.Set("ddim_sqrt_alphas", from_floats(env, ddim.sqrt_alphas));
  tables.Set("ddim_sqrt_one_minus_alphas", from_floats(env, ddim.sqrt_one_minus_alphas));
  tables.Set("ddim_sigmas", from_floats(env, ddim.sigmas));
  return tables;
}

/// The whole table, and a grid of `steps` steps with the time of the middle of each in lambda.
Napi::Value dpm_schedule(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const ContinuousSchedule schedule{NoiseSchedule(to_schedule_config(info[0], "schedule"))};
  const std::vector<float> times = schedule.time_grid(static_cast<int>(to_integer(info[1], "steps", 1, 1000000)));
  std::vector<float> model_times, alphas, sigmas, lambdas, middles;
  for (const float t : times) {
    const auto level = schedule.at(t);
    if (!lambdas.empty()) middles.push_back(schedule.inverse_lambda(0.5F * (lambdas.back() + level.lambda)));
    model_times.push_back(schedule.model_time(t));
    alphas.push_back(level.alpha);
    sigmas.push_back(level.sigma);
    lambdas.push_back(level.lambda);
  }
  Napi::Object tables = Napi::Object::New(env);
  tables.Set("t_array", from_floats(env, schedule.times()));
  tables.Set("log_alpha_array", from_floats(env, schedule.log_alphas()));
  tables.Set("t", from_floats(env, times));
  tables.Set("model_t", from_floats(env, model_times));
  tables.Set("alpha", from_floats(env, alphas));
  tables.Set("sigma", from_floats(env, sigmas));
  tables.Set("lambda", from_floats(env, lambdas));
  tables.Set("inverse_lambda_mid", from_floats(env, middles));
  return tables;
}

/// The levels and their timesteps, and the timesteps that other levels are mapped to.
Napi::Value edm_schedule(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const NoiseSchedule schedule(to_schedule_config(info[0], "schedule"));
  const EdmSchedule levels(schedule, to_steps(info[1], "steps"), to_boolean(info[2], "parity"));
  std::vector<float> nearest = to_floats(info[3], "lookups");
  for (float& sigma : nearest) sigma = levels.timestep(sigma);
  Napi::Object tables = Napi::Object::New(env);
  tables.Set("sigmas", from_floats(env, levels.sigmas));
  tables.Set("timesteps", from_floats(env, levels.timesteps));
  tables.Set("nearest", from_floats(env, nearest));
  return tables;
}

/// Step by step over these levels: down and up of the ancestral step, and the multistep's weights, newest slope first.
Napi::Value edm_steps(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::vector<float> sigmas = to_floats(info[0], "sigmas");
  const EdmOptions options = to_edm_options(info[1], "edm");
  const auto order = static_cast<std::size_t>(options.order);
  std::vector<float> ancestral;
  std::vector<double> multistep;
  for (std::size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const AncestralStep step(sigmas[i], sigmas[i + 1], options);
    ancestral.insert(ancestral.end(), {step.down, step.up});
    const std::size_t known = std::min(order, i + 1);
    for (std::size_t back = 0; back < order; ++back) {
      multistep.push_back(back < known ? lms_coefficient(sigmas, i, known, back) : 0.0);
    }
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("ancestral", from_floats(env, ancestral));
  result.Set("multistep", from_doubles(env, multistep));
  return result;
}

/// reuseSchedule(steps, interval, timesteps): which of the predictions at these timesteps compute all features.
Napi::Value reuse_schedule(const Napi::CallbackInfo& info) {
  ReuseSchedule schedule(to_steps(info[0], "steps"), to_steps(info[1], "interval"));
  const std::vector<float> timesteps = to_floats(info[2], "timesteps");
  std::vector<std::int32_t> due;
  for (std::size_t i = 0; i < timesteps.size(); ++i) {
    if (schedule.begins_phase(timesteps[i])) due.push_back(static_cast<std::int32_t>(i));
  }
  return from_int32s(info.Env(), due);
}

}  // namespace

void add_schedule_primitives(Napi::Object primitives) {
  set_function(primitives, "noiseSchedule", noise_schedule);
  set_function(primitives, "spacedSchedule", spaced_schedule);
  set_function(primitives, "qSample", q_sample);
  set_function(primitives, "velocity", velocity);
  set_function(primitives, "spaceTimesteps", space_timesteps);
  set_function(primitives, "stridedTimesteps", strided_timesteps);
  set_function(primitives, "ddimSchedule", ddim_schedule);
  set_function(primitives, "dpmSchedule", dpm_schedule);
  set_function(primitives, "edmSchedule", edm_schedule);
  set_function(primitives, "edmSteps", edm_steps);
  set_function(primitives, "reuseSchedule", reuse_schedule);
}

}  // namespace diffbir
