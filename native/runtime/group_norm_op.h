#pragma once

#include <cstddef>
#include <cstdint>

#include "graph/ort.h"

namespace diffbir::runtime {

/// y = act((x - mean) / sqrt(var + eps) * scale + bias) with mean and biased variance per batch item and group of
/// channels. One channel plane of `area` values; silu: y * sigmoid(y) on top. x and y may be the same memory.
void normalize_plane(const float* x, float* y, std::size_t area, float factor, float offset, bool silu);

/// Mean and biased variance of `count` values, accumulated in double from float32 partial sums.
void group_moments(const float* x, std::size_t count, double& mean, double& variance);

class GroupNormKernel {
 public:
  explicit GroupNormKernel(const OrtKernelInfo* info);
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;

 private:
  std::int64_t groups_;
  float epsilon_;
  bool silu_;
};

/// diffbir.GroupNorm(x [B,C,H,W], scale [C], bias [C]) {groups, epsilon, silu}: ONNX Runtime's CPU provider has no
/// fused group normalisation, only a chain of a dozen operators that each read and write the whole picture.
struct GroupNormOp : Ort::CustomOpBase<GroupNormOp, GroupNormKernel, /*WithStatus=*/true> {
  const char* GetName() const { return "GroupNorm"; }
  std::size_t GetInputTypeCount() const { return 3; }
  ONNXTensorElementDataType GetInputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  std::size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  OrtStatusPtr CreateKernelV2(const OrtApi& api, const OrtKernelInfo* info, void** kernel) const noexcept;
  static Ort::Status InferOutputShape(Ort::ShapeInferContext& context);
};

}  // namespace diffbir::runtime
