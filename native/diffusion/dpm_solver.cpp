#include "diffusion/dpm_solver.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <deque>
#include <utility>

#include "core/each.h"
#include "core/error.h"
#include "diffusion/dpm_schedule.h"
#include "diffusion/kernels.h"

namespace diffbir {

namespace {

using Level = ContinuousSchedule::Level;

/// The network as the solver's integrand. Solutions for x_0 and for noise are mirror images: with the step h of lambda
/// negated, and alpha and sigma swapped, the same formulas hold.
class Integrand {
 public:
  Integrand(DpmVariant::Predicts predicts, Parameterization parameterization, const SamplerOptions& options)
      : of_x0_(predicts == DpmVariant::Predicts::x0), parameterization_(parameterization), options_(options) {}

  /// x_0 or the noise in x, from what the network predicts at model time t.
  Tensor from_network(const Tensor& x, const Level& level, float t, Tensor prediction) const {
    if (parameterization_ == Parameterization::v) {
      each(WeightedSum{level.alpha, level.sigma}, prediction, prediction, x);
    }
    if (!of_x0_ && !options_.guidance) return prediction;
    Tensor x0 = solve(x, level.sigma, level.alpha, std::move(prediction));
    if (options_.guidance) options_.guidance(x0, t, 1.0F);
    return of_x0_ ? x0 : solve(x, level.alpha, level.sigma, std::move(x0));
  }

  float step(const Level& from, const Level& to) const { return sign() * (to.lambda - from.lambda); }
  float ratio(const Level& from, const Level& to) const {
    return of_x0_ ? to.sigma / from.sigma : to.alpha / from.alpha;
  }
  float gain(const Level& to) const { return of_x0_ ? to.alpha : to.sigma; }

 private:
  float sign() const { return of_x0_ ? -1.0F : 1.0F; }

  /// (x - a other) / b: either part of x = alpha x_0 + sigma noise from the other.
  static Tensor solve(const Tensor& x, float a, float b, Tensor other) {
    each(OtherPart{a, b}, other, x, other);
    return other;
  }

  bool of_x0_;
  Parameterization parameterization_;
  const SamplerOptions& options_;
};

/// Integrals of the exponential against 1, s and s^2 / 2 over a signed step: the phi functions of the papers.
struct Phi {
  explicit Phi(float h) : one(std::expm1(h)), two(one / h - 1.0F), three(two / h - 0.5F) {}
  float one;
  float two;
  float three;
};

/// factor (a - b)
Tensor difference(const Tensor& a, const Tensor& b, float factor) { return map(ScaledDifference{factor}, a, b); }

/// target - factor d
void subtract(Tensor& target, float factor, const Tensor& d) { each(AddScaled{-factor}, target, target, d); }

/// ratio x - factor m: the solution for a constant integrand m.
Tensor first_order(const Tensor& x, float ratio, float factor, const Tensor& m) {
  return map(WeightedDifference{ratio, factor}, x, m);
}

/// Everything that is the same for every step of a run.
struct Run {
  Integrand integrand;
  ContinuousSchedule continuous;
  std::vector<float> times;
  const Denoiser& model;

  Level level(int i) const { return continuous.at(times[static_cast<std::size_t>(i)]); }
  Tensor evaluate(const Tensor& x, int i) const {
    const float t = continuous.model_time(times[static_cast<std::size_t>(i)]);
    return integrand.from_network(x, level(i), t, model(x, t));
  }
};

/// From times[i] to the next with the integrands at times[i], times[i - 1], ..., newest first; as many as the order.
Tensor multistep(const Run& run, const Tensor& x, const std::deque<Tensor>& m, std::size_t order, int i) {
  const Level from = run.level(i);
  const Level to = run.level(i + 1);
  const float h = run.integrand.step(from, to);
  const float gain = run.integrand.gain(to);
  const Phi phi(h);
  Tensor next = first_order(x, run.integrand.ratio(from, to), gain * phi.one, m[0]);
  if (order == 1) return next;
  const float r0 = run.integrand.step(run.level(i - 1), from) / h;
  Tensor d1 = difference(m[0], m[1], 1.0F / r0);
  if (order == 2) {
    subtract(next, 0.5F * gain * phi.one, d1);
    return next;
  }
  const float r1 = run.integrand.step(run.level(i - 2), run.level(i - 1)) / h;
  const Tensor change = difference(d1, difference(m[1], m[2], 1.0F / r1), 1.0F / (r0 + r1));
  subtract(d1, -r0, change);
  subtract(next, gain * phi.two, d1);
  subtract(next, gain * phi.three, change);
  return next;
}

/// From times[i] over `order` times, asking at each of those between.
Tensor singlestep(const Run& run, const Tensor& x, int order, int i) {
  const Level from = run.level(i);
  const Level to = run.level(i + order);
  const float h = run.integrand.step(from, to);
  const float gain = run.integrand.gain(to);
  const Phi phi(h);
  const Tensor m = run.evaluate(x, i);
  Tensor next = first_order(x, run.integrand.ratio(from, to), gain * phi.one, m);
  if (order == 1) return next;

  const Level inner = run.level(i + 1);
  const float h1 = run.integrand.step(from, inner);
  const float r1 = h1 / h;
  const Tensor x1 = first_order(x, run.integrand.ratio(from, inner), run.integrand.gain(inner) * Phi(h1).one, m);
  const Tensor d1 = difference(run.evaluate(x1, i + 1), m, 1.0F / r1);
  if (order == 2) {
    subtract(next, 0.5F * gain * phi.one, d1);
    return next;
  }

  const Level second = run.level(i + 2);
  const float h2 = run.integrand.step(from, second);
  const float r2 = h2 / h;
  const float second_gain = run.integrand.gain(second);
  Tensor x2 = first_order(x, run.integrand.ratio(from, second), second_gain * Phi(h2).one, m);
  subtract(x2, second_gain * r2 * Phi(h2).two, d1);
  subtract(next, gain * phi.two, difference(run.evaluate(x2, i + 2), m, 1.0F / r2));
  return next;
}

/// Orders of the singlestep solver's steps, `calls` in all: the highest as often as it fits, then what is left. Where
/// nothing is left of order 3, the last step is taken apart into orders 2 and 1 (DPM-Solver-fast, Lu et al. 2022a).
std::vector<int> singlestep_orders(int order, int calls) {
  std::vector<int> orders(static_cast<std::size_t>(calls / order), order);
  if (const int left = calls % order; left > 0) {
    orders.push_back(left);
  } else if (order == 3) {
    orders.back() = 2;
    orders.push_back(1);
  }
  return orders;
}

}  // namespace

std::string DpmVariant::name() const {
  return std::string(predicts == Predicts::x0 ? "dpm++" : "dpm") + (memory == Memory::multistep ? "_m" : "_s") +
         std::to_string(order);
}

std::vector<DpmVariant> dpm_variants() {
  std::vector<DpmVariant> variants;
  for (const auto predicts : {DpmVariant::Predicts::x0, DpmVariant::Predicts::noise}) {
    for (const auto memory : {DpmVariant::Memory::multistep, DpmVariant::Memory::singlestep}) {
      for (const int order : {1, 2, 3}) variants.push_back({predicts, memory, order});
    }
  }
  return variants;
}

Tensor sample_dpm(DpmVariant variant, const Denoiser& model, Tensor x, const NoiseSchedule& schedule,
                  const SamplerOptions& options, NoiseSource&) {
  if (options.steps < 1) {
    throw Error(ErrorCode::invalid_option,
                "Expected at least 1 for steps but received " + std::to_string(options.steps));
  }
  const ContinuousSchedule continuous(schedule);
  const Run run{Integrand(variant.predicts, schedule.config.parameterization, options), continuous,
                continuous.time_grid(options.steps), model};
  const auto report = [&](int step, int steps) {
    if (options.on_step) options.on_step(step, steps, x);
  };

  if (variant.memory == DpmVariant::Memory::singlestep) {
    const std::vector<int> orders = singlestep_orders(variant.order, options.steps);
    int i = 0;
    for (std::size_t step = 0; step < orders.size(); i += orders[step++]) {
      x = singlestep(run, x, orders[step], i);
      report(static_cast<int>(step) + 1, static_cast<int>(orders.size()));
    }
    return x;
  }
  std::deque<Tensor> m;  // newest first
  for (int i = 0; i < options.steps; ++i) {
    m.push_front(run.evaluate(x, i));
    if (m.size() > static_cast<std::size_t>(variant.order)) m.pop_back();
    const auto left = static_cast<std::size_t>(options.steps - i);
    x = multistep(run, x, m, options.steps < 10 ? std::min(m.size(), left) : m.size(), i);
    report(i + 1, options.steps);
  }
  return x;
}

}  // namespace diffbir
