#include "runtime/group_norm_gradient_op.h"

#include <cmath>
#include <exception>

#include "runtime/group_norm_math.h"
#include "runtime/parallel_for.h"

namespace diffbir::runtime {
namespace {

/// One call of the operator, as its parallel loop over batch item and group sees it.
struct Work {
  const float* x;
  const float* scale;
  const float* bias;
  const float* from;
  float* to;
  std::size_t groups, channels_per_group, area;
  float epsilon;
  bool silu;
};

/// With x^ the normalised values and g the gradient there: (g - mean(g) - x^ mean(g x^)) / deviation (Ioffe & Szegedy
/// 2015, section 3, the means over the group).
void pull_back_group(const Work& w, std::size_t index) {
  const std::size_t size = w.channels_per_group * w.area;
  const float* x = w.x + index * size;
  const Moments moments = moments_of(x, size);
  const double inverse_deviation = 1.0 / std::sqrt(moments.variance() + static_cast<double>(w.epsilon));
  const auto norm = [&](std::size_t c) {
    const std::size_t channel = index % w.groups * w.channels_per_group + c;
    return ChannelNorm{static_cast<float>(moments.mean), static_cast<float>(inverse_deviation), w.scale[channel],
                       w.bias[channel], w.silu};
  };
  GradientSums sums;
  for (std::size_t c = 0; c < w.channels_per_group; ++c) {
    const std::size_t at = c * w.area;
    const GradientSums plane =
        gradient_at_normalized(x + at, w.from + index * size + at, w.to + index * size + at, w.area, norm(c));
    sums.gradient += plane.gradient;
    sums.product += plane.product;
  }
  const auto count = static_cast<double>(size);
  for (std::size_t c = 0; c < w.channels_per_group; ++c) {
    const std::size_t at = c * w.area;
    gradient_at_input(x + at, w.to + index * size + at, w.area, norm(c), static_cast<float>(sums.gradient / count),
                      static_cast<float>(sums.product / count));
  }
}

}  // namespace

GroupNormGradientKernel::GroupNormGradientKernel(const OrtKernelInfo* info) {
  const Ort::ConstKernelInfo attributes(info);
  groups_ = attributes.GetAttribute<std::int64_t>("groups");
  epsilon_ = attributes.GetAttribute<float>("epsilon");
  silu_ = attributes.GetAttribute<std::int64_t>("silu") != 0;
}

OrtStatusPtr GroupNormGradientKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  const Ort::KernelContext context(raw_context);
  const auto shape = context.GetInput(0).GetTensorTypeAndShapeInfo().GetShape();
  const auto count = [&](std::size_t input) {
    return static_cast<std::int64_t>(context.GetInput(input).GetTensorTypeAndShapeInfo().GetElementCount());
  };
  if (shape.size() != 4 || groups_ < 1 || shape[1] % groups_ != 0 || count(1) != shape[1] || count(2) != shape[1] ||
      context.GetInput(3).GetTensorTypeAndShapeInfo().GetShape() != shape) {
    return Ort::Status(
               "GroupNormGradient needs NCHW, as many scales and biases as channels, groups that divide them, and a "
               "gradient of the shape of x",
               ORT_INVALID_ARGUMENT)
        .release();
  }
  auto to = context.GetOutput(0, shape);
  Work work{.x = context.GetInput(0).GetTensorData<float>(),
            .scale = context.GetInput(1).GetTensorData<float>(),
            .bias = context.GetInput(2).GetTensorData<float>(),
            .from = context.GetInput(3).GetTensorData<float>(),
            .to = to.GetTensorMutableData<float>(),
            .groups = static_cast<std::size_t>(groups_),
            .channels_per_group = static_cast<std::size_t>(shape[1] / groups_),
            .area = static_cast<std::size_t>(shape[2] * shape[3]),
            .epsilon = epsilon_,
            .silu = silu_};
  parallel_for(context, static_cast<std::size_t>(shape[0] * groups_),
               [&](std::size_t group) { pull_back_group(work, group); });
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

}  // namespace diffbir::runtime
