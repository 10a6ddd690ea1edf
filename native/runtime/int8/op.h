#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/custom_op.h"
#include "runtime/int8/kernel.h"
#include "weights/int8_weights.h"

namespace diffbir::runtime {

/// The packed weights of a network, which its operators take by index.
using Int8Table = std::vector<std::shared_ptr<const Int8Weights>>;

/// The attributes that every operator in 8 bits has: weights, an index into the network's table, and portable, 1 for
/// kernels that run on every processor.
struct Int8Attributes {
  Int8Attributes(const OrtKernelInfo* info, const Int8Table& table)
      : weights(table.at(index(info, "weights"))), kernels(&int8::kernels(index(info, "portable") != 0)) {}

  std::shared_ptr<const Int8Weights> weights;
  const int8::Kernels* kernels;

 private:
  static std::size_t index(const OrtKernelInfo* info, const char* name) {
    return static_cast<std::size_t>(Ort::ConstKernelInfo(info).GetAttribute<std::int64_t>(name));
  }
};

/// Inputs (x, bias [out]?, paired [1]?). Where `paired` is 1 the second half of the batch is computed as the difference
/// from the first, which has a range of its own: two predictions that guidance subtracts from each other then have the
/// same errors (docs/decisions/0013).
template <typename Op, typename Kernel>
class Int8Op : public CustomOp<Op, Kernel> {
 public:
  explicit Int8Op(const Int8Table& table) : table_(table) {}

  std::size_t GetInputTypeCount() const { return 3; }
  ONNXTensorElementDataType GetInputType(std::size_t index) const {
    return index == 2 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  }
  OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(std::size_t index) const {
    return index == 0 ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
  }
  std::unique_ptr<Kernel> make_kernel(const OrtKernelInfo* info) const {
    return std::make_unique<Kernel>(info, table_);
  }

 private:
  const Int8Table& table_;
};

}  // namespace diffbir::runtime
