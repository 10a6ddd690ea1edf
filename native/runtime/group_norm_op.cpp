#include "runtime/group_norm_op.h"

#include <cmath>
#include <exception>
#include <vector>

#include "runtime/group_norm_math.h"
#include "runtime/parallel_for.h"

namespace diffbir::runtime {
namespace {

/// One call of the operator, as its parallel loops over batch item and group see it.
struct Work {
  const float* x;
  const float* scale;
  const float* bias;
  float* y;
  std::size_t groups, channels_per_group, height, width;
  Region region;
  float epsilon;
  bool silu;
  std::vector<Moments> measured;             // by batch item and group
  const Moments* moments = measured.data();  // those that it is normalised by

  std::size_t area() const { return height * width; }
  std::size_t group_size() const { return channels_per_group * area(); }
};

void measure_group(Work& w, std::size_t index) {
  const float* group = w.x + index * w.group_size();
  const auto width = static_cast<std::size_t>(w.region.width());
  const auto top = static_cast<std::size_t>(w.region.top);
  const auto left = static_cast<std::size_t>(w.region.left);
  const std::size_t bottom = top + static_cast<std::size_t>(w.region.height());
  if (bottom - top == w.height && width == w.width) {
    w.measured[index] = moments_of(group, w.group_size());
    return;
  }
  Moments all;
  for (std::size_t c = 0; c < w.channels_per_group; ++c) {
    for (std::size_t y = top; y < bottom; ++y) {
      all = merge(all, moments_of(group + c * w.area() + y * w.width + left, width));
    }
  }
  w.measured[index] = all;
}

void normalize_group(const Work& w, std::size_t index) {
  const std::size_t first_channel = index % w.groups * w.channels_per_group;
  const float* in = w.x + index * w.group_size();
  float* out = w.y + index * w.group_size();
  const Moments& moments = w.moments[index];
  const double inverse_deviation = 1.0 / std::sqrt(moments.variance() + static_cast<double>(w.epsilon));
  for (std::size_t c = 0; c < w.channels_per_group; ++c) {
    const double factor = inverse_deviation * w.scale[first_channel + c];
    const double offset = w.bias[first_channel + c] - moments.mean * factor;
    normalize_plane(in + c * w.area(), out + c * w.area(), w.area(), static_cast<float>(factor),
                    static_cast<float>(offset), w.silu);
  }
}

}  // namespace

GroupNormKernel::GroupNormKernel(const OrtKernelInfo* info, const TileRegistry* tiles) : tiles_(tiles), node_(info) {}

OrtStatusPtr GroupNormKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  const Ort::KernelContext context(raw_context);
  const auto x = context.GetInput(0);
  const auto shape = x.GetTensorTypeAndShapeInfo().GetShape();
  if (shape.size() != 4 || !node_.fits(context, shape[1])) return GroupNormNode::refusal();
  auto y = context.GetOutput(0, shape);
  const auto height = static_cast<std::size_t>(shape[2]);
  const auto width = static_cast<std::size_t>(shape[3]);
  const auto groups = static_cast<std::size_t>(shape[0] * node_.groups);

  Work work{.x = x.GetTensorData<float>(),
            .scale = context.GetInput(1).GetTensorData<float>(),
            .bias = context.GetInput(2).GetTensorData<float>(),
            .y = y.GetTensorMutableData<float>(),
            .groups = static_cast<std::size_t>(node_.groups),
            .channels_per_group = static_cast<std::size_t>(shape[1] / node_.groups),
            .height = height,
            .width = width,
            .region = {0, 0, shape[2], shape[3]},
            .epsilon = node_.epsilon,
            .silu = node_.silu,
            .measured = std::vector<Moments>(groups)};

  const std::int64_t ticket = GroupNormNode::ticket(context);
  const auto measure = [&] { parallel_for(context, groups, [&](std::size_t group) { measure_group(work, group); }); };
  if (ticket == 0) {
    measure();
  } else {
    const TileRun run = tiles_->find(ticket);
    work.region = run.region(shape[2], shape[3]);
    measure();
    work.moments = run.pool(node_.index, {work.measured.data(), groups});
  }
  parallel_for(context, groups, [&](std::size_t group) { normalize_group(work, group); });
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

}  // namespace diffbir::runtime
