#pragma once

#include <cstddef>
#include <exception>
#include <memory>

#include "graph/ort.h"
#include "runtime/shape_inference.h"

namespace diffbir::runtime {

/// What the operators of this package have in common for ONNX Runtime: float32 inputs (an operator that has others says
/// so itself) and one float32 output, and a kernel whose constructor takes the node's attributes and may throw. One
/// with `static void to_output_shape(GraphShape&)`, which turns the first input's shape into the output's, tells that
/// to graphs.
template <typename Op, typename Kernel>
class CustomOp : public Ort::CustomOpBase<Op, Kernel, /*WithStatus=*/true> {
 public:
  CustomOp() {
    if constexpr (requires { &Op::to_output_shape; }) OrtCustomOp::InferOutputShapeFn = infer_output_shape;
  }

  ONNXTensorElementDataType GetInputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  std::size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }

  std::unique_ptr<Kernel> make_kernel(const OrtKernelInfo* info) const { return std::make_unique<Kernel>(info); }

  OrtStatusPtr CreateKernelV2(const OrtApi&, const OrtKernelInfo* info, void** kernel) const noexcept try {
    *kernel = static_cast<const Op*>(this)->make_kernel(info).release();
    return nullptr;
  } catch (const std::exception& error) {
    return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
  }

 private:
  static OrtStatusPtr infer_output_shape(const OrtCustomOp* op, OrtShapeInferContext* context) noexcept try {
    GraphShape shape = first_input_shape(context);
    Op::to_output_shape(shape);
    if (shape.is_known()) set_output_shape(context, shape, static_cast<const Op*>(op)->GetOutputType(0));
    return nullptr;
  } catch (const std::exception& error) {
    return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
  }
};

}  // namespace diffbir::runtime
