#pragma once

#include "runtime/int8/op.h"

namespace diffbir::runtime {

class Int8LinearKernel {
 public:
  Int8LinearKernel(const OrtKernelInfo* info, const Int8Table& table);
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;

 private:
  Int8Attributes attributes_;
  bool geglu_;
};

/// diffbir.Int8Linear(x [..., in], bias [out]?, paired [1]?) {weights, portable, geglu} -> [..., out]: nn.Linear with
/// weights and activations in bytes. Activations get their ranges here, one for each row and group of inputs, so that
/// no calibration is needed. With geglu 1, [..., out / 2]: the first half of the outputs times gelu() of the second,
/// both with their bias; needs a bias, and halves of whole panels of Int8Weights.
class Int8LinearOp : public Int8Op<Int8LinearOp, Int8LinearKernel> {
 public:
  using Int8Op::Int8Op;
  const char* GetName() const { return "Int8Linear"; }
};

}  // namespace diffbir::runtime
