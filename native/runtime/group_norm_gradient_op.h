#pragma once

#include <cstddef>
#include <cstdint>

#include "graph/ort.h"

namespace diffbir::runtime {

class GroupNormGradientKernel {
 public:
  explicit GroupNormGradientKernel(const OrtKernelInfo* info);
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;

 private:
  std::int64_t groups_;
  float epsilon_;
  bool silu_;
};

/// diffbir.GroupNormGradient(x [B,C,H,W], scale [C], bias [C], gradient [B,C,H,W]) {groups, epsilon, silu}: the
/// gradient at x, given that at the output of GroupNorm(x, scale, bias) with the same attributes and no tile. Mean and
/// variance are computed from x once more, which costs less than to keep them in the graph.
class GroupNormGradientOp
    : public Ort::CustomOpBase<GroupNormGradientOp, GroupNormGradientKernel, /*WithStatus=*/true> {
 public:
  const char* GetName() const { return "GroupNormGradient"; }
  std::size_t GetInputTypeCount() const { return 4; }
  ONNXTensorElementDataType GetInputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  std::size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  OrtStatusPtr CreateKernelV2(const OrtApi& api, const OrtKernelInfo* info, void** kernel) const noexcept;
  static Ort::Status InferOutputShape(Ort::ShapeInferContext& context);
};

}  // namespace diffbir::runtime
