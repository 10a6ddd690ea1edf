#pragma once

#include <cstddef>

#include "runtime/attention/kernel.h"
#include "runtime/custom_op.h"

namespace diffbir::runtime {

class AttentionKernel {
 public:
  explicit AttentionKernel(const OrtKernelInfo* info);
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;

 private:
  std::size_t width_;
  const attention::Kernels* kernels_;
};

/// diffbir.Attention(q [B,L,C], k [B,S,C], v [B,S,C]) {width, bytes} -> [B,L,C]: softmax(q k^T / sqrt(width)) v per
/// head of `width` channels (attention::takes()), a block of keys after the other, so that the scores never leave the
/// processor's caches. Multiplies float32, or with `bytes` 1 bytes. Needs AVX-512.
class AttentionOp : public CustomOp<AttentionOp, AttentionKernel> {
 public:
  const char* GetName() const { return "Attention"; }
  std::size_t GetInputTypeCount() const { return 3; }
};

}  // namespace diffbir::runtime
