#include "runtime/fused_ops.h"

#include <cstddef>
#include <exception>
#include <utility>

#include "core/tensor.h"
#include "cuda/fused/fused.h"
#include "graph/build_options.h"

namespace diffbir::runtime {

// Graphs ask for these kernels without knowing of CUDA.
static_assert(graph::fused_width == cuda::fused_width);
static_assert(graph::most_fused_channels == cuda::most_fused_channels);
static_assert(graph::most_layer_norm_channels == cuda::most_layer_norm_channels);
static_assert(graph::narrow_width == cuda::narrow_width && graph::most_narrow_channels == cuda::most_narrow_channels);
static_assert(graph::widest_window_head == bodies::widest_window_head);

namespace {

const void* data_of(const Ort::KernelContext& context, std::size_t input) {
  return input < context.GetInputCount() ? context.GetInput(input).GetTensorRawData() : nullptr;
}

Shape shape_of(const Ort::KernelContext& context, std::size_t input) {
  return context.GetInput(input).GetTensorTypeAndShapeInfo().GetShape();
}

std::int64_t count_of(const Ort::KernelContext& context, std::size_t input) {
  return static_cast<std::int64_t>(context.GetInput(input).GetTensorTypeAndShapeInfo().GetElementCount());
}

OrtStatusPtr refused(const char* message) { return Ort::Status(message, ORT_INVALID_ARGUMENT).release(); }

/// Whether a bias [C] is added without a skip: it lies where that would.
bool has_bias_alone(const Ort::KernelContext& context) {
  return context.GetInputCount() == 4 && shape_of(context, 3).size() == 1;
}

/// What a normalisation reads.
cuda::FusedInput input_of(const Ort::KernelContext& context) {
  cuda::FusedInput input{.x = data_of(context, 0), .skip = data_of(context, 3), .bias = data_of(context, 4)};
  if (has_bias_alone(context)) std::swap(input.skip, input.bias);
  return input;
}

/// The memory for the sum, the second output.
void* sum_of(Ort::KernelContext& context, const Shape& shape) {
  return context.GetOutput(1, shape).GetTensorMutableRawData();
}

/// Whether there is something to do, and gamma and beta, and skip and bias where they are there, have sizes that fit.
bool fits(const Ort::KernelContext& context, std::int64_t channels, std::int64_t skip) {
  const std::size_t inputs = context.GetInputCount();
  return count_of(context, 0) > 0 && count_of(context, 1) == channels && count_of(context, 2) == channels &&
         (inputs <= 3 || count_of(context, 3) == skip) && (inputs <= 4 || count_of(context, 4) == channels);
}

}  // namespace

FusedGroupNormKernel::FusedGroupNormKernel(const OrtKernelInfo* info) {
  const Ort::ConstKernelInfo attributes(info);
  groups_ = attributes.GetAttribute<std::int64_t>("groups");
  epsilon_ = attributes.GetAttribute<float>("epsilon");
  silu_ = attributes.GetAttribute<std::int64_t>("activation") != 0;
  stores_sum_ = attributes.GetAttribute<std::int64_t>("stores_sum") != 0;
}

OrtStatusPtr FusedGroupNormKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  Ort::KernelContext context(raw_context);
  const Shape shape = shape_of(context, 0);
  if (shape.size() != 4) return refused("FusedGroupNorm needs a feature map");
  const cuda::FusedMap map{shape[0], shape[1] * shape[2], shape[3], groups_};
  const bool is_bias = has_bias_alone(context);
  const bool per_picture = !is_bias && context.GetInputCount() > 3 && count_of(context, 3) == map.batch * map.channels;
  const std::int64_t skip = (is_bias ? 1 : map.batch) * (is_bias || per_picture ? 1 : map.area) * map.channels;
  if (!fits(context, map.channels, skip) || map.channels % cuda::fused_width != 0 ||
      map.channels > cuda::most_fused_channels || groups_ < 1 || map.channels % groups_ != 0) {
    return refused("FusedGroupNorm needs channels in eights, in groups, and parameters and addends of their number");
  }
  if (context.GetInputCount() > 3 && !is_bias && !per_picture && !stores_sum_) {
    return refused("FusedGroupNorm has to store a sum with a map");
  }
  auto y = context.GetOutput(0, shape);
  cuda::FusedInput input = input_of(context);
  input.is_skip_per_picture = per_picture;
  if (stores_sum_) input.sum = sum_of(context, shape);
  // Freed when this returns, while kernels may still be queued: memory is used again in the order of the stream.
  Ort::Allocator allocator = context.GetAllocator(*context.GetInput(0).GetTensorMemoryInfo());
  Ort::MemoryAllocation scratch = allocator.GetAllocation(cuda::fused_group_norm_scratch(map));
  cuda::fused_group_norm(input, map, context.GetInput(1).GetTensorData<float>(),
                         context.GetInput(2).GetTensorData<float>(), epsilon_, silu_, y.GetTensorMutableRawData(),
                         scratch.get(), context.GetGPUComputeStream());
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

FusedLayerNormKernel::FusedLayerNormKernel(const OrtKernelInfo* info)
    : epsilon_(Ort::ConstKernelInfo(info).GetAttribute<float>("epsilon")) {}

OrtStatusPtr FusedLayerNormKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  Ort::KernelContext context(raw_context);
  const Shape shape = shape_of(context, 0);
  const std::int64_t channels = shape.empty() ? 0 : shape.back();
  const std::int64_t skip = has_bias_alone(context) ? channels : count_of(context, 0);
  if (!cuda::has_layer_norm(channels) || !fits(context, channels, skip)) {
    return refused("FusedLayerNorm needs channels in eights or fours, and parameters and addends of their number");
  }
  auto y = context.GetOutput(0, shape);
  cuda::FusedInput input = input_of(context);
  if (context.GetInputCount() > 3) input.sum = sum_of(context, shape);
  cuda::fused_layer_norm(input, count_of(context, 0) / channels, channels, data_of(context, 1), data_of(context, 2),
                         epsilon_, y.GetTensorMutableRawData(), context.GetGPUComputeStream());
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

OrtStatusPtr FusedGegluKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  const Ort::KernelContext context(raw_context);
  Shape shape = shape_of(context, 0);
  const std::int64_t both = shape.empty() ? 0 : shape.back();
  if (count_of(context, 0) == 0 || both % (2 * cuda::fused_width) != 0 || count_of(context, 1) != both) {
    return refused("FusedGeglu needs halves of channels in eights, and a bias for each");
  }
  shape.back() = both / 2;
  auto y = context.GetOutput(0, shape);
  cuda::fused_geglu(data_of(context, 0), data_of(context, 1), count_of(context, 0) / both, both / 2,
                    y.GetTensorMutableRawData(), context.GetGPUComputeStream());
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

FusedWindowAttentionKernel::FusedWindowAttentionKernel(const OrtKernelInfo* info) {
  const Ort::ConstKernelInfo attributes(info);
  heads_ = attributes.GetAttribute<std::int64_t>("heads");
  side_ = attributes.GetAttribute<std::int64_t>("side");
  if (attributes.GetInputCount() > 3) masked_ = attributes.GetAttribute<float>("masked");
}

OrtStatusPtr FusedWindowAttentionKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  const Ort::KernelContext context(raw_context);
  Shape shape = shape_of(context, 0);
  const bool is_windows = shape.size() == 3 && heads_ > 0 && side_ > 0 && shape[2] % (6 * heads_) == 0;
  if (!is_windows) return refused("FusedWindowAttention needs windows of tokens, and heads of an even width");
  const bodies::WindowSizes sizes{shape[0], shape[1], heads_, shape[2] / (3 * heads_)};
  bodies::WindowShift shift{};
  bool fits = sizes.tokens == side_ * side_ && count_of(context, 1) == shape[2] &&
              count_of(context, 2) == heads_ * sizes.tokens * sizes.tokens;
  if (context.GetInputCount() > 3 && count_of(context, 3) == 2) {
    const auto* const sides = context.GetInput(3).GetTensorData<std::int64_t>();
    shift = {side_, sides[0], sides[1], masked_};
    fits = fits && shift.down > 0 && shift.across > 0 && sizes.windows % (shift.down * shift.across) == 0;
  } else if (context.GetInputCount() > 3) {
    fits = false;
  }
  if (!fits) return refused("FusedWindowAttention needs a bias, a table and pictures of its windows' sizes");
  shape[2] = sizes.channels();
  auto out = context.GetOutput(0, shape);
  const bodies::WindowInput input{static_cast<const bodies::HalfPair*>(data_of(context, 0)),
                                  static_cast<const bodies::Half*>(data_of(context, 1)),
                                  static_cast<const bodies::Half*>(data_of(context, 2))};
  const bool has_kernel =
      cuda::fused_window_attention(input, sizes, shift, out.GetTensorMutableRawData(), context.GetGPUComputeStream());
  return has_kernel ? nullptr : refused("FusedWindowAttention has no kernel for heads of this width");
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

OrtStatusPtr FusedControlledConcatKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  const Ort::KernelContext context(raw_context);
  const std::size_t inputs = context.GetInputCount();
  Shape shape = shape_of(context, 0);
  const Shape skip = shape_of(context, 1);
  const bool are_maps = shape.size() == 4 && skip.size() == 4 && count_of(context, 0) > 0 && count_of(context, 1) > 0;
  if (!are_maps) return refused("FusedControlledConcat needs feature maps");
  const std::int64_t area = shape[1] * shape[2];
  const bool has_bias = inputs > 4 && shape_of(context, 4).size() == 1;
  const std::size_t other = has_bias ? 5 : 4;
  const bodies::ControlledConcatInput input{
      static_cast<const bodies::HalfVector*>(data_of(context, 0)),
      static_cast<const bodies::HalfVector*>(data_of(context, 1)),
      static_cast<const bodies::HalfVector*>(data_of(context, 2)),
      static_cast<const bodies::Half*>(data_of(context, 3)),
      static_cast<const bodies::HalfVector*>(has_bias ? data_of(context, 4) : nullptr),
      static_cast<const bodies::HalfVector*>(data_of(context, other)),
      shape[0] * area,
      skip[0] * area,
      shape[3],
      skip[3]};
  const bool fits = skip[1] == shape[1] && skip[2] == shape[2] && shape[0] % skip[0] == 0 &&
                    input.channels % bodies::concat_width == 0 && input.skip_channels % bodies::concat_width == 0 &&
                    count_of(context, 2) == input.pixels * input.skip_channels && count_of(context, 3) == 1 &&
                    (!has_bias || count_of(context, 4) == input.channels) &&
                    (inputs <= other || count_of(context, other) == input.pixels * input.channels);
  if (!fits) return refused("FusedControlledConcat needs channels in eights, and maps and addends of their number");
  shape[3] += skip[3];
  auto out = context.GetOutput(0, shape);
  cuda::fused_controlled_concat(input, out.GetTensorMutableRawData(), context.GetGPUComputeStream());
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

}  // namespace diffbir::runtime
