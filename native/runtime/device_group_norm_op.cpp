#include "runtime/device_group_norm_op.h"

#include <exception>

#include "cuda/norm/group_norm.h"

namespace diffbir::runtime {
namespace {

/// A node's call, once its tensors are known.
struct Call {
  const Ort::KernelContext& context;
  const std::vector<std::int64_t>& shape;
  bodies::FeatureMap map;
  bodies::Norm norm;
  std::int64_t ticket;
  std::size_t index;
};

template <typename T>
void compute(const Call& call, const TileRegistry& tiles) {
  const auto x = call.context.GetInput(0);
  void* const stream = call.context.GetGPUComputeStream();
  // Not of ONNX Runtime's allocator, which throws through C where it has nothing.
  const cuda::GroupNormMemory scratch(call.map, stream);
  const auto* const from = static_cast<const T*>(x.GetTensorRawData());
  const auto measure = [&](const Region& region) {
    return cuda::measure_groups(from, call.map, region, scratch.get(), stream);
  };
  const Moments* moments = nullptr;
  if (call.ticket == 0) {
    moments = measure({0, 0, call.map.height, call.map.width});
  } else {
    const TileRun run = tiles.find(call.ticket);
    const auto count = static_cast<std::size_t>(call.map.batch * call.map.groups);
    moments = run.pool(call.index, {measure(run.region(call.map.height, call.map.width)), count, run.device});
  }
  // Not before: tiles that wait have no room for it.
  auto y = call.context.GetOutput(0, call.shape);
  cuda::normalize_groups(from, call.map, moments, call.norm, static_cast<T*>(y.GetTensorMutableRawData()),
                         scratch.get(), stream);
}

}  // namespace

DeviceGroupNormKernel::DeviceGroupNormKernel(const OrtKernelInfo* info, const TileRegistry& tiles, MapLayout layout)
    : tiles_(tiles), layout_(layout), node_(info) {}

OrtStatusPtr DeviceGroupNormKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  const Ort::KernelContext context(raw_context);
  const auto shape = context.GetInput(0).GetTensorTypeAndShapeInfo().GetShape();
  const bool is_nhwc = layout_ == MapLayout::nhwc;
  const std::int64_t channels = shape.size() == 4 ? shape[is_nhwc ? 3 : 1] : 0;
  if (channels == 0 || !node_.fits(context, channels)) return GroupNormNode::refusal();
  const std::size_t rows = is_nhwc ? 1 : 2;
  const Call call{.context = context,
                  .shape = shape,
                  .map = {shape[0], channels, shape[rows], shape[rows + 1], node_.groups},
                  .norm = {context.GetInput(1).GetTensorData<float>(), context.GetInput(2).GetTensorData<float>(),
                           node_.epsilon, node_.silu},
                  .ticket = GroupNormNode::ticket(context),
                  .index = node_.index};
  if (is_nhwc) {
    compute<bodies::Half>(call, tiles_);
  } else {
    compute<float>(call, tiles_);
  }
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

}  // namespace diffbir::runtime
