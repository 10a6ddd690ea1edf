#include "runtime/int8/linear_op.h"

#include <algorithm>
#include <exception>

#include "runtime/int8/product.h"
#include "runtime/parallel_for.h"
#include "runtime/scratch.h"

namespace diffbir::runtime {

OrtStatusPtr Int8LinearKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  const Ort::KernelContext context(raw_context);
  const Int8Weights& weights = *attributes_.weights;
  const int8::Kernels& kernels = *attributes_.kernels;
  const auto x = context.GetInput(0);
  auto shape = x.GetTensorTypeAndShapeInfo().GetShape();
  if (shape.empty() || shape.back() != static_cast<std::int64_t>(weights.inputs())) {
    return Ort::Status("Int8Linear needs as many inputs as its weights have", ORT_INVALID_ARGUMENT).release();
  }
  const std::size_t inputs = weights.inputs();
  const std::size_t outputs = weights.outputs();
  const std::size_t rows = x.GetTensorTypeAndShapeInfo().GetElementCount() / inputs;
  const bool paired = int8::is_paired(context, 2) && shape.front() % 2 == 0;
  const std::size_t half = paired ? rows / 2 : rows;
  shape.back() = static_cast<std::int64_t>(outputs);
  const float* in = x.GetTensorData<float>();
  const auto bias_value = context.GetInputCount() > 1 ? context.GetInput(1) : Ort::ConstValue{nullptr};
  const float* bias = bias_value ? bias_value.GetTensorData<float>() : nullptr;
  float* out = context.GetOutput(0, shape).GetTensorMutableData<float>();
  if (rows == 0) return nullptr;

  const std::size_t groups = weights.groups_per_tap();
  const std::size_t group = weights.group();
  Scratch<std::uint8_t> bytes(context, rows * groups * group);
  Scratch<int8::Affine> affine(context, rows * groups);
  parallel_rows(context, rows, inputs, [&](std::size_t first, std::size_t some) {
    for (std::size_t row = first; row < first + some; ++row) {
      for (std::size_t g = 0; g < groups; ++g) {
        const std::size_t count = std::min(group, inputs - std::min(inputs, g * group));
        const float* values = in + row * inputs + g * group;
        affine[row * groups + g] = kernels.quantize_row(values, row < half ? nullptr : values - half * inputs, count,
                                                        group, bytes.data() + (row * groups + g) * group);
      }
    }
  });

  const auto group_of = [&](std::size_t row, std::size_t, std::size_t g) {
    return int8::Group{bytes.data() + (row * groups + g) * group, affine[row * groups + g]};
  };
  const auto store = [&](std::size_t first, std::size_t count, std::size_t panel, const float* sums) {
    const std::size_t first_output = panel * Int8Weights::panel_width;
    const std::size_t width = std::min(Int8Weights::panel_width, outputs - first_output);
    for (std::size_t row = 0; row < count; ++row) {
      const float* from = sums + row * Int8Weights::panel_width;
      float* to = out + (first + row) * outputs + first_output;
      for (std::size_t i = 0; i < width; ++i)
        to[i] = bias && first + row < half ? from[i] + bias[first_output + i] : from[i];
    }
  };
  int8::Product(weights, kernels, rows, group_of, store).run(context);
  if (paired) int8::add_base(context, out, out + half * outputs, half * outputs);
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

}  // namespace diffbir::runtime
