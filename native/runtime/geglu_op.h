#pragma once

#include <cstddef>

#include "runtime/custom_op.h"

namespace diffbir::runtime {

class GegluKernel {
 public:
  explicit GegluKernel(const OrtKernelInfo*) {}
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;
};

/// diffbir.Geglu(x [...,2C], bias [2C]) -> [...,C]: of x + bias the first half of each row times the gelu of the
/// second, in one pass where separate operators make four over wide feature maps.
class GegluOp : public CustomOp<GegluOp, GegluKernel> {
 public:
  const char* GetName() const { return "Geglu"; }
  std::size_t GetInputTypeCount() const { return 2; }
  static void to_output_shape(GraphShape& shape);
};

}  // namespace diffbir::runtime
