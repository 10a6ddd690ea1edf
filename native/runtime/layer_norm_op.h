#pragma once

#include <cstddef>

#include "runtime/custom_op.h"

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
class LayerNormOp : public CustomOp<LayerNormOp, LayerNormKernel> {
 public:
  const char* GetName() const { return "LayerNorm"; }
  std::size_t GetInputTypeCount() const { return 3; }
  static void to_output_shape(GraphShape&) {}
};

}  // namespace diffbir::runtime
