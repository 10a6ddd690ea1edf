#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "runtime/custom_op.h"
#include "runtime/group_norm_node.h"
#include "runtime/tile_statistics.h"

namespace diffbir::runtime {

/// What lies in a feature map.
enum class MapLayout {
  nchw,  // float32
  nhwc,  // float16
};

class DeviceGroupNormKernel {
 public:
  DeviceGroupNormKernel(const OrtKernelInfo* info, const TileRegistry& tiles, MapLayout layout);
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;

 private:
  const TileRegistry& tiles_;
  MapLayout layout_;
  GroupNormNode node_;
};

/// diffbir.GroupNorm (GroupNormOp) for the CUDA provider, with x and y NCHW in float32; or diffbir.NhwcGroupNorm, the
/// same with x and y NHWC in float16, scale and bias in float32. Nothing waits for the
/// device; with a ticket the tile waits for the other tiles. In builds with CUDA alone.
class DeviceGroupNormOp : public CustomOp<DeviceGroupNormOp, DeviceGroupNormKernel> {
 public:
  DeviceGroupNormOp(const TileRegistry& tiles, MapLayout layout) : tiles_(tiles), layout_(layout) {}

  const char* GetName() const { return layout_ == MapLayout::nhwc ? "NhwcGroupNorm" : "GroupNorm"; }
  const char* GetExecutionProviderType() const { return "CUDAExecutionProvider"; }
  std::size_t GetInputTypeCount() const { return 4; }
  ONNXTensorElementDataType GetInputType(std::size_t index) const {
    if (index == 0) return GetOutputType(0);
    return index == 3 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  }
  ONNXTensorElementDataType GetOutputType(std::size_t) const {
    return layout_ == MapLayout::nhwc ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  }
  OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(std::size_t index) const {
    return index == 3 ? INPUT_OUTPUT_OPTIONAL : INPUT_OUTPUT_REQUIRED;
  }
  /// The ticket is read by the host.
  OrtMemType GetInputMemoryType(std::size_t index) const { return index == 3 ? OrtMemTypeCPUInput : OrtMemTypeDefault; }
  std::unique_ptr<DeviceGroupNormKernel> make_kernel(const OrtKernelInfo* info) const {
    return std::make_unique<DeviceGroupNormKernel>(info, tiles_, layout_);
  }
  static void to_output_shape(GraphShape&) {}

 private:
  const TileRegistry& tiles_;
  MapLayout layout_;
};

}  // namespace diffbir::runtime
