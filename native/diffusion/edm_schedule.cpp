#include "diffusion/edm_schedule.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include "core/error.h"

namespace diffbir {

namespace {

/// The reference puts this in place of the first acp, which may be 0.
constexpr double kFirstAcp = 1e-8;

}  // namespace

EdmSchedule::EdmSchedule(const NoiseSchedule& schedule, int steps, bool parity) {
  if (steps < 1 || steps > schedule.config.timesteps) {
    throw Error(ErrorCode::invalid_option, "Expected an integer from 1 to " +
                                               std::to_string(schedule.config.timesteps) + " for steps but received " +
                                               std::to_string(steps));
  }
  const auto last = static_cast<double>(schedule.config.timesteps - 1);
  for (int i = 0; i < steps; ++i) {
    const double t = std::floor(last + i * (-last / steps));
    double acp = schedule.alphas_cumprod[static_cast<std::size_t>(t)];
    if (i == 0 && (parity || acp == 0)) acp = kFirstAcp;
    timesteps.push_back(static_cast<float>(t));
    sigmas.push_back(static_cast<float>(std::sqrt((1 - acp) / acp)));
  }
  timesteps.push_back(0);
  sigmas.push_back(0);
}

float EdmSchedule::timestep(float sigma) const {
  const auto nearer = [&](float a, float b) { return std::fabs(sigma - a) < std::fabs(sigma - b); };
  return timesteps[static_cast<std::size_t>(std::min_element(sigmas.begin(), sigmas.end(), nearer) - sigmas.begin())];
}

AncestralStep::AncestralStep(float sigma, float sigma_next, const EdmOptions& options) : down(sigma_next), up(0) {
  if (options.eta == 0) return;
  const float s2 = sigma * sigma;
  const float n2 = sigma_next * sigma_next;
  up = std::min(sigma_next, options.eta * options.math.root(n2 * (s2 - n2) / s2));
  down = options.math.root(n2 - up * up);
}

double lms_coefficient(std::span<const float> sigmas, std::size_t i, std::size_t order, std::size_t back) {
  // Gauss-Legendre quadrature with three points.
  constexpr double nodes[] = {-0.7745966692414834, 0.0, 0.7745966692414834};
  constexpr double weights[] = {5.0 / 9, 8.0 / 9, 5.0 / 9};
  const double from = sigmas[i];
  const double to = sigmas[i + 1];
  const double own = sigmas[i - back];
  double sum = 0;
  for (std::size_t node = 0; node < 3; ++node) {
    const double tau = 0.5 * (from + to) + 0.5 * (to - from) * nodes[node];
    double product = weights[node];
    for (std::size_t k = 0; k < order; ++k) {
      const double other = sigmas[i - k];
      if (k != back) product *= (tau - other) / (own - other);
    }
    sum += product;
  }
  return 0.5 * (to - from) * sum;
}

}  // namespace diffbir
