#include "runtime/geglu_op.h"

#include <algorithm>
#include <cstdint>
#include <exception>

#include "runtime/parallel_for.h"
#include "runtime/row_math.h"

namespace diffbir::runtime {

OrtStatusPtr GegluKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  const Ort::KernelContext context(raw_context);
  const auto x = context.GetInput(0);
  const auto info = x.GetTensorTypeAndShapeInfo();
  auto shape = info.GetShape();
  const std::size_t biases = context.GetInput(1).GetTensorTypeAndShapeInfo().GetElementCount();
  if (shape.empty() || shape.back() < 2 || shape.back() % 2 != 0 || biases != static_cast<std::size_t>(shape.back())) {
    return Ort::Status("Geglu needs an even last axis and as many biases", ORT_INVALID_ARGUMENT).release();
  }
  shape.back() /= 2;
  const auto width = static_cast<std::size_t>(shape.back());
  const float* from = x.GetTensorData<float>();
  const float* bias = context.GetInput(1).GetTensorData<float>();
  float* to = context.GetOutput(0, shape).GetTensorMutableData<float>();
  parallel_rows(context, info.GetElementCount() / (2 * width), 2 * width, [&](std::size_t first, std::size_t rows) {
    geglu_rows(from + first * 2 * width, bias, to + first * width, rows, width);
  });
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

void GegluOp::to_output_shape(GraphShape& shape) {
  // Half of a free axis has no name.
  if (shape.sizes.empty()) return;
  shape.sizes.back() = shape.names.back().empty() && shape.sizes.back() >= 0 ? shape.sizes.back() / 2 : -1;
  shape.names.back().clear();
}

}  // namespace diffbir::runtime
