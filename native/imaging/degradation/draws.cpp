#include "imaging/degradation/draws.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>

#include "core/error.h"

namespace diffbir {

namespace {

constexpr double kMaxRate = 256;

/// Cumulative probabilities of 0, 1, 2, ... counts, up to where float32 uniforms cannot tell them from 1.
std::vector<double> poisson_cdf(double rate) {
  if (!(rate >= 0 && rate <= kMaxRate)) {
    throw Error(ErrorCode::internal, "Expected a Poisson rate from 0 to 256 but received " + std::to_string(rate));
  }
  std::vector<double> cdf;
  double sum = 0;
  for (int count = 0; sum < 1 - 0x1p-25 && count < 1024; ++count) {
    const double log_probability = count * std::log(rate) - rate - std::lgamma(count + 1.0);
    sum += rate > 0 ? std::exp(log_probability) : 1.0;
    cdf.push_back(sum);
  }
  return cdf;
}

}  // namespace

Tensor GeneratedDraws::normal(const Shape& shape) { return Tensor(shape, generator_->randn(element_count(shape))); }

Tensor GeneratedDraws::poisson(const Tensor& rates) {
  // Rates are multiples of 1/255 of one number: at most 256 different ones a sample.
  std::unordered_map<float, std::vector<double>> known;
  std::vector<float> counts = generator_->rand(rates.size());
  for (std::size_t i = 0; i < counts.size(); ++i) {
    auto& cdf = known[rates.data()[i]];
    if (cdf.empty()) cdf = poisson_cdf(rates.data()[i]);
    const auto at = std::upper_bound(cdf.begin(), cdf.end() - 1, static_cast<double>(counts[i]));
    counts[i] = static_cast<float>(at - cdf.begin());
  }
  return Tensor(rates.shape(), std::move(counts));
}

Tensor RecordedDraws::next(const Shape& shape) {
  if (next_ == draws_.size()) {
    throw Error(ErrorCode::invalid_option,
                "Expected more than " + std::to_string(draws_.size()) + " tensors for draws: all of them are used up");
  }
  Tensor& draw = draws_[next_];
  if (draw.shape() != shape) {
    throw Error(ErrorCode::invalid_option, "Expected a tensor of " + to_string(shape) + " for draws[" +
                                               std::to_string(next_) + "] but received one of " +
                                               to_string(draw.shape()));
  }
  ++next_;
  return std::move(draw);
}

}  // namespace diffbir
