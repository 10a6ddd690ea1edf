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

/// diffbir.LayerNorm(x [..., C], scale [C], bias [C]) {epsilon}: layer normalisation over the last axis. ONNX Runtime's
/// adds one number after the other, several times as slow as a vector at a time.
class LayerNormOp : public Ort::CustomOpBase<LayerNormOp, LayerNormKernel, /*WithStatus=*/true> {
 public:
  const char* GetName() const { return "LayerNorm"; }
  std::size_t GetInputTypeCount() const { return 3; }
  ONNXTensorElementDataType GetInputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  std::size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  OrtStatusPtr CreateKernelV2(const OrtApi& api, const OrtKernelInfo* info, void** kernel) const noexcept;
};

}  // namespace diffbir::runtime
