#include "diffusion/dpm_schedule.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/error.h"

namespace diffbir {

namespace {

constexpr float kMinLambda = -5.1F;

float lambda_of(float log_alpha) { return log_alpha - 0.5F * std::log(1.0F - std::exp(2.0F * log_alpha)); }

/// y at x by the line through the two neighbours in `xs`, the first or last two beyond the ends. `before` orders xs.
template <typename Before>
float interpolate(const std::vector<float>& xs, const std::vector<float>& ys, float x, Before before) {
  const auto above = std::lower_bound(xs.begin(), xs.end(), x, before);
  const auto right = std::clamp<std::ptrdiff_t>(above - xs.begin(), 1, std::ssize(xs) - 1);
  const auto j = static_cast<std::size_t>(right);
  const float slope = (ys[j] - ys[j - 1]) / (xs[j] - xs[j - 1]);
  return ys[j - 1] + (x - xs[j - 1]) * slope;
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

ContinuousSchedule::Level ContinuousSchedule::at(float t) const {
  const float log_alpha = interpolate(times_, log_alphas_, t, std::less());
  return {std::exp(log_alpha), std::sqrt(1.0F - std::exp(2.0F * log_alpha)), lambda_of(log_alpha)};
}

float ContinuousSchedule::inverse_lambda(float lambda) const {
  const float log_alpha = -0.5F * std::log1p(std::exp(-2.0F * lambda));
  return interpolate(log_alphas_, times_, log_alpha, std::greater());
}

std::vector<float> ContinuousSchedule::time_grid(int steps) const {
  const float end = first_time();
  const float stride = (end - 1.0F) / static_cast<float>(steps);
  std::vector<float> times;
  for (int i = 0; i <= steps; ++i) {
    const bool early = i < (steps + 1) / 2;  // the later half is counted from the end, as torch.linspace does
    times.push_back(early ? 1.0F + stride * static_cast<float>(i) : end - stride * static_cast<float>(steps - i));
  }
  return times;
}

}  // namespace diffbir
