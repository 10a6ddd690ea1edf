#pragma once

#include <cstddef>

#include "graph/ort.h"

namespace diffbir::runtime {

class GegluKernel {
 public:
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;
};

/// diffbir.Geglu(x [...,2C], bias [2C]) -> [...,C]: of x + bias the first half of each row times the gelu of the
/// second, in one pass where separate operators make four over wide feature maps.
class GegluOp : public Ort::CustomOpBase<GegluOp, GegluKernel, /*WithStatus=*/true> {
 public:
  const char* GetName() const { return "Geglu"; }
  std::size_t GetInputTypeCount() const { return 2; }
  ONNXTensorElementDataType GetInputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  std::size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  OrtStatusPtr CreateKernelV2(const OrtApi& api, const OrtKernelInfo* info, void** kernel) const noexcept;
  static Ort::Status InferOutputShape(Ort::ShapeInferContext& context);
};

}  // namespace diffbir::runtime
