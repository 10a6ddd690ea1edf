#pragma once

#include <cstddef>

#include "runtime/custom_op.h"

namespace diffbir::runtime {

class RoundedKernel {
 public:
  explicit RoundedKernel(const OrtKernelInfo*) {}
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;
};

/// diffbir.Rounded(x float16) -> x. It does nothing, and ONNX Runtime does not know that: what stands before it is
/// rounded to float16 on processors too where no kernel has that type (graph::BuildOptions::rounded).
class RoundedOp : public CustomOp<RoundedOp, RoundedKernel> {
 public:
  const char* GetName() const { return "Rounded"; }
  std::size_t GetInputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetInputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16; }
  ONNXTensorElementDataType GetOutputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16; }
  static void to_output_shape(GraphShape&) {}
};

}  // namespace diffbir::runtime
