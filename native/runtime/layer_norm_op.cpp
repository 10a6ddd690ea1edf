#include "runtime/layer_norm_op.h"

#include <cstdint>
#include <exception>

#include "runtime/parallel_for.h"
#include "runtime/row_math.h"

namespace diffbir::runtime {

LayerNormKernel::LayerNormKernel(const OrtKernelInfo* info)
    : epsilon_(Ort::ConstKernelInfo(info).GetAttribute<float>("epsilon")) {}

OrtStatusPtr LayerNormKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  const Ort::KernelContext context(raw_context);
  const auto x = context.GetInput(0);
  const auto info = x.GetTensorTypeAndShapeInfo();
  const auto shape = info.GetShape();
  const auto count = [&](std::size_t input) {
    return static_cast<std::int64_t>(context.GetInput(input).GetTensorTypeAndShapeInfo().GetElementCount());
  };
  if (shape.empty() || shape.back() < 1 || count(1) != shape.back() || count(2) != shape.back()) {
    return Ort::Status("LayerNorm needs as many scales and biases as the last axis has values", ORT_INVALID_ARGUMENT)
        .release();
  }
  const auto width = static_cast<std::size_t>(shape.back());
  const float* from = x.GetTensorData<float>();
  const float* scale = context.GetInput(1).GetTensorData<float>();
  const float* bias = context.GetInput(2).GetTensorData<float>();
  float* to = context.GetOutput(0, shape).GetTensorMutableData<float>();
  parallel_rows(context, info.GetElementCount() / width, width, [&](std::size_t first, std::size_t rows) {
    normalize_rows(from + first * width, scale, bias, to + first * width, rows, width, epsilon_);
  });
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

}  // namespace diffbir::runtime
