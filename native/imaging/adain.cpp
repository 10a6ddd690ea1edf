#include "imaging/adain.h"

#include <cstddef>
#include <cstdint>
#include <span>

#include "imaging/kernels.h"
#include "imaging/on_device.h"

namespace diffbir {

namespace {

struct Spread {
  double mean;
  double deviation;
};

/// In two passes and in double: a flat channel of a large picture has no deviation of rounding.
Spread spread_of(std::span<const float> plane) {
  const auto count = static_cast<double>(plane.size());
  double sum = 0;
  for (const float value : plane) sum += value;
  const double mean = sum / count;
  double squares = 0;
  for (const float value : plane) squares += (value - mean) * (value - mean);
  return {mean, deviation_of(squares, std::ssize(plane))};
}

}  // namespace

Tensor adaptive_instance_normalization(const Tensor& content, const Tensor& style) {
  require_nchw(content, "adaptive_instance_normalization");
  require_same_shape(content, style, "adaptive_instance_normalization");
  if (content.device()) return on_device::adaptive_instance_normalization(content, style);
  Tensor result(content.shape());
  for (std::int64_t batch = 0; batch < content.dim(0); ++batch) {
    for (std::int64_t channel = 0; channel < content.dim(1); ++channel) {
      const auto from = content.plane(batch, channel);
      const auto to = result.plane(batch, channel);
      const Spread own = spread_of(from);
      const Spread wanted = spread_of(style.plane(batch, channel));
      const double gain = wanted.deviation / own.deviation;
      for (std::size_t i = 0; i < from.size(); ++i) to[i] = restyled(from[i], own.mean, gain, wanted.mean);
    }
  }
  return result;
}

}  // namespace diffbir
