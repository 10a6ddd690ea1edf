#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "runtime/custom_op.h"
#include "runtime/group_norm_node.h"
#include "runtime/tile_statistics.h"

namespace diffbir::runtime {

class GroupNormKernel {
 public:
  GroupNormKernel(const OrtKernelInfo* info, const TileRegistry* tiles);
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;

 private:
  const TileRegistry* tiles_;
  GroupNormNode node_;
};

/// diffbir.GroupNorm(x [B,C,H,W], scale [C], bias [C], tile [1]?) {groups, epsilon, silu, index}: ONNX Runtime's CPU
/// provider has no fused group normalisation, only a chain of a dozen operators that each read and write the whole
/// picture. With a tile ticket other than 0 the statistics are those of all tiles of the picture (TileStatistics).
class GroupNormOp : public CustomOp<GroupNormOp, GroupNormKernel> {
 public:
  explicit GroupNormOp(const TileRegistry& tiles) : tiles_(tiles) {}

  const char* GetName() const { return "GroupNorm"; }
  std::size_t GetInputTypeCount() const { return 4; }
  ONNXTensorElementDataType GetInputType(std::size_t index) const {
    return index == 3 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  }
  OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(std::size_t index) const {
    return index == 3 ? INPUT_OUTPUT_OPTIONAL : INPUT_OUTPUT_REQUIRED;
  }
  std::unique_ptr<GroupNormKernel> make_kernel(const OrtKernelInfo* info) const {
    return std::make_unique<GroupNormKernel>(info, &tiles_);
  }
  static void to_output_shape(GraphShape&) {}

 private:
  const TileRegistry& tiles_;
};

}  // namespace diffbir::runtime
