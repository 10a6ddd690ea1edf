#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "graph/ort.h"
#include "runtime/int8/kernel.h"
#include "weights/int8_weights.h"

namespace diffbir::runtime {

/// The packed weights of a network, which its operators take by index.
using Int8Table = std::vector<std::shared_ptr<const Int8Weights>>;

class Int8LinearKernel {
 public:
  Int8LinearKernel(const OrtKernelInfo* info, const Int8Table& table);
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;

 private:
  std::shared_ptr<const Int8Weights> weights_;
  const int8::Kernels* kernels_;
};

/// diffbir.Int8Linear(x [..., in], bias [out]?, paired [1]?) {weights, portable} -> [..., out]: nn.Linear with weights
/// and activations in bytes. Activations get their ranges here, one for each row and group of inputs, so that no
/// calibration is needed.
class Int8LinearOp : public Ort::CustomOpBase<Int8LinearOp, Int8LinearKernel, /*WithStatus=*/true> {
 public:
  explicit Int8LinearOp(const Int8Table& table) : table_(table) {}

  const char* GetName() const { return "Int8Linear"; }
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
