#pragma once

#include <cstddef>

#include "graph/ort.h"

namespace diffbir::runtime {

class LayerNormKernel {
 public:
  explicit LayerNormKernel(const OrtKernelInfo* info);
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;

 private:
  float epsilon_;
};

/// diffbir.LayerNorm(x [...,C], scale [C], bias [C]) {epsilon}: what LayerNormalization does over the last axis. That
/// of ONNX Runtime 1.29 takes the values of a row one by one.
class LayerNormOp : public Ort::CustomOpBase<LayerNormOp, LayerNormKernel, /*WithStatus=*/true> {
 public:
  const char* GetName() const { return "LayerNorm"; }
  std::size_t GetInputTypeCount() const { return 3; }
  ONNXTensorElementDataType GetInputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  std::size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  OrtStatusPtr CreateKernelV2(const OrtApi& api, const OrtKernelInfo* info, void** kernel) const noexcept;
  static Ort::Status InferOutputShape(Ort::ShapeInferContext& context);
};

}  // namespace diffbir::runtime
