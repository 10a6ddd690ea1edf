#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "graph/ort.h"
#include "runtime/int8/linear_op.h"
#include "weights/int8_weights.h"

namespace diffbir::runtime {

class Int8ConvKernel {
 public:
  Int8ConvKernel(const OrtKernelInfo* info, const Int8Table& table);
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;

 private:
  std::shared_ptr<const Int8Weights> weights_;
  const int8::Kernels* kernels_;
  std::int64_t stride_;
  std::vector<std::int64_t> pads_;  // top, left, bottom, right
};

/// diffbir.Int8Conv(x [B,C,H,W], bias [out]?, paired [1]?) {weights, portable, stride, pads} -> [B,out,H',W']:
/// nn.Conv2d with weights and activations in bytes. A pixel's channels get ranges of their own, so that no calibration
/// is needed; no patches are copied, every position in the kernel reads the pixels where they lie. `paired` as in
/// Int8Linear.
class Int8ConvOp : public Ort::CustomOpBase<Int8ConvOp, Int8ConvKernel, /*WithStatus=*/true> {
 public:
  explicit Int8ConvOp(const Int8Table& table) : table_(table) {}

  const char* GetName() const { return "Int8Conv"; }
  std::size_t GetInputTypeCount() const { return 3; }
  ONNXTensorElementDataType GetInputType(std::size_t index) const {
    return index == 2 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  }
  OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(std::size_t index) const {
    return index == 0 ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
  }
  std::size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  OrtStatusPtr CreateKernelV2(const OrtApi& api, const OrtKernelInfo* info, void** kernel) const noexcept;

 private:
  const Int8Table& table_;
};

}  // namespace diffbir::runtime
