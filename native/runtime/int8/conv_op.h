#pragma once

#include <cstdint>
#include <vector>

#include "runtime/int8/op.h"

namespace diffbir::runtime {

class Int8ConvKernel {
 public:
  Int8ConvKernel(const OrtKernelInfo* info, const Int8Table& table);
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;

 private:
  Int8Attributes attributes_;
  std::int64_t stride_;
  std::vector<std::int64_t> pads_;  // top, left, bottom, right
};

/// diffbir.Int8Conv(x [B,C,H,W], bias [out]?, paired [1]?) {weights, portable, stride, pads} -> [B,out,H',W']:
/// nn.Conv2d with weights and activations in bytes. A pixel's channels get ranges of their own, so that no calibration
/// is needed; no patches are copied, every position in the kernel reads the pixels where they lie.
class Int8ConvOp : public Int8Op<Int8ConvOp, Int8ConvKernel> {
 public:
  using Int8Op::Int8Op;
  const char* GetName() const { return "Int8Conv"; }
};

}  // namespace diffbir::runtime
