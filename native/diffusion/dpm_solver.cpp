#include "diffusion/dpm_solver.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "core/error.h"
#include "diffusion/kernels.h"

namespace diffbir {

namespace {

constexpr float kMinLambda = -5.1F;

float lambda_of(float log_alpha) { return log_alpha - 0.5F * std::log(1.0F - std::exp(2.0F * log_alpha)); }

/// `steps` + 1 times from 1 down to `end`; the later half is counted from the end, as torch.linspace does.
std::vector<float> time_grid(float end, int steps) {
  const float stride = (end - 1.0F) / static_cast<float>(steps);
  std::vector<float> times;
  for (int i = 0; i <= steps; ++i) {
    const bool early = i < (steps + 1) / 2;
    times.push_back(early ? 1.0F + stride * static_cast<float>(i) : end - stride * static_cast<float>(steps - i));
  }
  return times;
}

Tensor predict_x0(Parameterization parameterization, const ContinuousSchedule::Level& level, const Tensor& x,
                  Tensor prediction) {
  const bool v = parameterization == Parameterization::v;
  for (std::size_t i = 0; i < x.size(); ++i) {
    float& value = prediction.data()[i];
    const float eps = v ? combine(level.alpha, value, level.sigma, x.data()[i]) : value;
    value = (x.data()[i] - level.sigma * eps) / level.alpha;
  }
  return prediction;
}

}  // namespace

ContinuousSchedule::ContinuousSchedule(const NoiseSchedule& schedule) {
  double sum = 0;  // torch accumulates float32 in double on the CPU and rounds each entry
  for (double beta : schedule.betas) {
    sum += static_cast<double>(std::log(1.0F - static_cast<float>(beta)));
    const float log_alpha = 0.5F * static_cast<float>(sum);
    if (!(lambda_of(log_alpha) >= kMinLambda)) break;  // lambda falls with t; -inf - ... is NaN at zero SNR
    log_alphas_.push_back(log_alpha);
  }
  if (log_alphas_.size() < 2) {
    throw Error(ErrorCode::invalid_option, "Expected a noise schedule with at least two entries above the noise");
  }
  for (std::size_t i = 1; i <= log_alphas_.size(); ++i) {
    times_.push_back(static_cast<float>(static_cast<double>(i) / static_cast<double>(log_alphas_.size())));
  }
}

float ContinuousSchedule::log_alpha(float t) const {
  const auto above = std::lower_bound(times_.begin(), times_.end(), t);
  const auto right = std::clamp<std::ptrdiff_t>(above - times_.begin(), 1, std::ssize(times_) - 1);
  const auto j = static_cast<std::size_t>(right);
  const float slope = (log_alphas_[j] - log_alphas_[j - 1]) / (times_[j] - times_[j - 1]);
  return log_alphas_[j - 1] + (t - times_[j - 1]) * slope;
}

ContinuousSchedule::Level ContinuousSchedule::at(float t) const {
  const float log_a = log_alpha(t);
  return {std::exp(log_a), std::sqrt(1.0F - std::exp(2.0F * log_a)), lambda_of(log_a)};
}

Tensor sample_dpmpp_m2(const Denoiser& model, Tensor x, const NoiseSchedule& schedule, const SamplerOptions& options,
                       NoiseSource&) {
  if (options.steps < 1) {
    throw Error(ErrorCode::invalid_option,
                "Expected at least 1 for steps but received " + std::to_string(options.steps));
  }
  const ContinuousSchedule continuous(schedule);
  const auto times = time_grid(continuous.first_time(), options.steps);
  const auto level = [&](int i) { return continuous.at(times[static_cast<std::size_t>(i)]); };
  Tensor older;  // x_0 as predicted one step before
  for (int step = 1; step <= options.steps; ++step) {
    const auto s = level(step - 1);
    const auto t = level(step);
    const float model_time = continuous.model_time(times[static_cast<std::size_t>(step - 1)]);
    Tensor x0 = predict_x0(schedule.config.parameterization, s, x, model(x, model_time));
    if (options.guidance) options.guidance(x0, model_time, 1.0F);

    const float h = t.lambda - s.lambda;
    const float scale = t.sigma / s.sigma;
    const float gain = t.alpha * std::expm1(-h);
    const bool first_order = step == 1 || (step == options.steps && options.steps < 10);
    const float inverse_r = first_order ? 0.0F : h / (s.lambda - level(step - 2).lambda);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float slope = first_order ? 0.0F : inverse_r * (x0.data()[i] - older.data()[i]);
      x.data()[i] = scale * x.data()[i] - gain * x0.data()[i] - 0.5F * gain * slope;
    }
    older = std::move(x0);
    if (options.on_step) options.on_step(step, options.steps, x);
  }
  return x;
}

}  // namespace diffbir
