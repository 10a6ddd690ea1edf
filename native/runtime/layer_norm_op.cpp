#include "runtime/layer_norm_op.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include "runtime/group_norm_math.h"
#include "runtime/parallel_for.h"

namespace diffbir::runtime {
namespace {

constexpr std::size_t rows_of_task = 16;

}  // namespace

LayerNormKernel::LayerNormKernel(const OrtKernelInfo* info)
    : epsilon_(Ort::ConstKernelInfo(info).GetAttribute<float>("epsilon")) {}

OrtStatusPtr LayerNormKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  const Ort::KernelContext context(raw_context);
  const auto x = context.GetInput(0);
  const auto info = x.GetTensorTypeAndShapeInfo();
  const auto shape = info.GetShape();
  const auto channels = context.GetInput(1).GetTensorTypeAndShapeInfo().GetElementCount();
  if (shape.empty() || shape.back() != static_cast<std::int64_t>(channels) || channels == 0 ||
      context.GetInput(2).GetTensorTypeAndShapeInfo().GetElementCount() != channels) {
    return Ort::Status("LayerNorm needs as many scales and biases as channels", ORT_INVALID_ARGUMENT).release();
  }
  const float* in = x.GetTensorData<float>();
  const float* scale = context.GetInput(1).GetTensorData<float>();
  const float* bias = context.GetInput(2).GetTensorData<float>();
  float* out = context.GetOutput(0, shape).GetTensorMutableData<float>();
  const std::size_t rows = info.GetElementCount() / channels;
  parallel_for(context, (rows + rows_of_task - 1) / rows_of_task, [&](std::size_t task) {
    const std::size_t end = std::min(rows, (task + 1) * rows_of_task);
    for (std::size_t row = task * rows_of_task; row < end; ++row) {
      const Moments moments = moments_of(in + row * channels, channels);
      const double inverse_deviation = 1.0 / std::sqrt(moments.variance() + static_cast<double>(epsilon_));
      normalize_row(in + row * channels, out + row * channels, channels, static_cast<float>(moments.mean),
                    static_cast<float>(inverse_deviation), scale, bias);
    }
  });
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

OrtStatusPtr LayerNormOp::CreateKernelV2(const OrtApi&, const OrtKernelInfo* info, void** kernel) const noexcept try {
  *kernel = new LayerNormKernel(info);
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

}  // namespace diffbir::runtime
