#include "runtime/int8/linear_op.h"

#include <algorithm>
#include <exception>

#include "runtime/int8/product.h"
#include "runtime/parallel_for.h"
#include "runtime/row_math.h"
#include "runtime/scratch.h"

namespace diffbir::runtime {
namespace {

constexpr std::size_t panel_width = Int8Weights::panel_width;

/// Where the results of a linear layer go: rows of `width`.
struct Output {
  float* rows;
  std::size_t width;
  const float* bias;  // of as many outputs as the weights have; may be null

  void store(std::size_t first, std::size_t count, std::size_t panel, const float* sums) const {
    const std::size_t first_output = panel * panel_width;
    const std::size_t some = std::min(panel_width, width - first_output);
    store_rows(sums, panel_width, bias ? bias + first_output : nullptr, rows + first * width + first_output, width,
               count, some);
  }
};

}  // namespace

Int8LinearKernel::Int8LinearKernel(const OrtKernelInfo* info, const Int8Table& table)
    : attributes_(info, table), geglu_(Ort::ConstKernelInfo(info).GetAttribute<std::int64_t>("geglu") != 0) {}

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
  const std::size_t outputs = geglu_ ? weights.outputs() / 2 : weights.outputs();
  const std::size_t rows = x.GetTensorTypeAndShapeInfo().GetElementCount() / inputs;
  const bool paired = int8::is_paired(context, 2) && shape.front() % 2 == 0;
  const std::size_t half = paired ? rows / 2 : rows;
  shape.back() = static_cast<std::int64_t>(outputs);
  const float* in = x.GetTensorData<float>();
  const auto bias_value = context.GetInputCount() > 1 ? context.GetInput(1) : Ort::ConstValue{nullptr};
  const float* bias = bias_value ? bias_value.GetTensorData<float>() : nullptr;
  if (geglu_ && (!bias || weights.outputs() % (2 * panel_width) != 0)) {
    return Ort::Status("Int8Linear with geglu needs a bias, and halves of whole panels", ORT_INVALID_ARGUMENT)
        .release();
  }
  const Output output{context.GetOutput(0, shape).GetTensorMutableData<float>(), outputs, bias};
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
  const auto store = [&](std::size_t first, std::size_t count, std::size_t panel, const auto& sums) {
    output.store(first, count, panel, sums[0]);
  };
  const auto store_geglu = [&](std::size_t first, std::size_t count, std::size_t panel, const auto& sums) {
    const std::size_t first_output = panel * panel_width;
    kernels.store_geglu(sums[0], sums[1], count, bias + first_output, bias + outputs + first_output,
                        output.rows + first * outputs + first_output, outputs);
  };
  const int8::Rows both_halves{rows, paired};
  if (geglu_) {
    int8::product<2>(weights, kernels, both_halves, group_of, store_geglu).run(context);
  } else {
    int8::product<1>(weights, kernels, both_halves, group_of, store).run(context);
  }
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

}  // namespace diffbir::runtime
