#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/custom_op.h"

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
class GroupNormGradientOp : public CustomOp<GroupNormGradientOp, GroupNormGradientKernel> {
 public:
  const char* GetName() const { return "GroupNormGradient"; }
  std::size_t GetInputTypeCount() const { return 4; }
  static void to_output_shape(GraphShape&) {}
};

}  // namespace diffbir::runtime
