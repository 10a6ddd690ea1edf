#include "imaging/metrics/aggd.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace diffbir {

namespace {

constexpr double kLowestShape = 0.2;
constexpr double kHighestShape = 10;
constexpr double kStep = 0.001;

double shape_at(std::size_t index) { return kLowestShape + kStep * static_cast<double>(index); }

/// Squared mean of |x| over the mean of x^2, of a symmetric distribution: rises with the shape.
std::vector<double> make_ratios() {
  std::vector<double> ratios;
  for (std::size_t i = 0; shape_at(i) <= kHighestShape + kStep / 2; ++i) {
    const double inverse = 1 / shape_at(i);
    ratios.push_back(std::exp(2 * std::lgamma(2 * inverse) - std::lgamma(inverse) - std::lgamma(3 * inverse)));
  }
  return ratios;
}

double shape_of_ratio(double ratio) {
  static const std::vector<double> ratios = make_ratios();
  const auto above = std::lower_bound(ratios.begin(), ratios.end() - 1, ratio);
  const auto at = static_cast<std::size_t>(above - ratios.begin());
  const bool below_is_nearer = at > 0 && ratio - ratios[at - 1] < ratios[at] - ratio;
  return shape_at(below_is_nearer ? at - 1 : at);
}

}  // namespace

double Aggd::mean() const { return (right - left) * std::exp(std::lgamma(2 / shape) - std::lgamma(1 / shape)); }

Aggd fit_aggd(std::span<const double> values) {
  double left_squares = 0;
  double right_squares = 0;
  double left_count = 0;
  double right_count = 0;
  double magnitudes = 0;
  for (const double value : values) {
    magnitudes += std::fabs(value);
    (value < 0 ? left_squares : right_squares) += value * value;
    left_count += value < 0;
    right_count += value > 0;
  }
  if (left_squares == 0 || right_squares == 0) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    return {nan, nan, nan};
  }
  const double left = std::sqrt(left_squares / left_count);
  const double right = std::sqrt(right_squares / right_count);
  const double gamma = left / right;
  const auto count = static_cast<double>(values.size());
  const double ratio = magnitudes * magnitudes / count / (left_squares + right_squares);
  const double squares = gamma * gamma + 1;
  const double shape = shape_of_ratio(ratio * (gamma * gamma * gamma + 1) * (gamma + 1) / (squares * squares));
  // From deviations to scales.
  const double scale = std::exp((std::lgamma(1 / shape) - std::lgamma(3 / shape)) / 2);
  return {shape, left * scale, right * scale};
}

}  // namespace diffbir
