#pragma once

#include <cstddef>

#include "graph/ort.h"
#include "runtime/attention/kernel.h"

namespace diffbir::runtime {

class AttentionKernel {
 public:
  explicit AttentionKernel(const OrtKernelInfo* info);
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;

 private:
  std::size_t width_;
  const attention::Kernels* kernels_;
};

/// diffbir.Attention(q [B,L,C], k [B,S,C], v [B,S,C]) {width, bfloat16} -> [B,L,C]: softmax(q k^T / sqrt(width)) v per
/// head of `width` channels (attention::takes()), a block of keys after the other, so that the scores never leave the
/// processor's caches. Needs AVX-512.
class AttentionOp : public Ort::CustomOpBase<AttentionOp, AttentionKernel, /*WithStatus=*/true> {
 public:
  const char* GetName() const { return "Attention"; }
  std::size_t GetInputTypeCount() const { return 3; }
  ONNXTensorElementDataType GetInputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  std::size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  OrtStatusPtr CreateKernelV2(const OrtApi& api, const OrtKernelInfo* info, void** kernel) const noexcept;
};

}  // namespace diffbir::runtime
