#pragma once

#include <cstdint>

#include "runtime/custom_op.h"

/// Operators of the CUDA provider over cuda/fused, in float16; those of com.microsoft that they stand for take two to
/// three times as long. In builds with CUDA alone.
namespace diffbir::runtime {

/// diffbir.FusedGroupNorm (attributes groups, epsilon, activation, stores_sum): x [B,h,w,C], gamma and beta [C] in
/// float32, and for a sum skip of x's shape or [B,1,1,C], and bias [C], or a bias in the place of skip. Gives y, and
/// the sum with stores_sum, which a skip of x's shape needs.
class FusedGroupNormKernel {
 public:
  explicit FusedGroupNormKernel(const OrtKernelInfo* info);
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;

 private:
  std::int64_t groups_;
  float epsilon_;
  bool silu_;
  bool stores_sum_;
};

/// diffbir.FusedLayerNorm (attribute epsilon): x [.., C], gamma and beta [C], and for a sum skip of x's shape and bias
/// [C], or a bias in the place of skip. Gives y, and the sum.
class FusedLayerNormKernel {
 public:
  explicit FusedLayerNormKernel(const OrtKernelInfo* info);
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;

 private:
  float epsilon_;
};

/// diffbir.FusedGeglu: x [.., 2 C] and bias [2 C] -> [.., C].
class FusedGegluKernel {
 public:
  explicit FusedGegluKernel(const OrtKernelInfo*) {}
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;
};

/// diffbir.FusedWindowAttention (attributes heads, side, masked): qkv [B nW, T, 3 C] without its bias [3 C], table
/// [heads, keys, queries], and of shifted windows how many there are down and across, [2] (bodies::WindowShift). Gives
/// [B nW, T, C].
class FusedWindowAttentionKernel {
 public:
  explicit FusedWindowAttentionKernel(const OrtKernelInfo* info);
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;

 private:
  std::int64_t heads_;
  std::int64_t side_;
  float masked_ = 0;  // of shifted windows
};

/// diffbir.FusedControlledConcat: x [N,h,w,C], skip [M,h,w,S] with M that divides N, control [N,h,w,S], strength [1],
/// and what is added to x, if anything: bias [C], another [N,h,w,C], or both. Gives [N,h,w,C + S]
/// (bodies::ControlledConcat).
class FusedControlledConcatKernel {
 public:
  explicit FusedControlledConcatKernel(const OrtKernelInfo*) {}
  OrtStatusPtr ComputeV2(OrtKernelContext* context) noexcept;
};

template <typename Op, typename Kernel>
class FusedOp : public CustomOp<Op, Kernel> {
 public:
  const char* GetExecutionProviderType() const { return "CUDAExecutionProvider"; }
  ONNXTensorElementDataType GetInputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16; }
  ONNXTensorElementDataType GetOutputType(std::size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16; }
};

/// x, gamma, beta, and skip and bias or not; y, and the sum or not.
template <typename Op, typename Kernel>
class FusedNormOp : public FusedOp<Op, Kernel> {
 public:
  std::size_t GetInputTypeCount() const { return 5; }
  OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(std::size_t index) const {
    return index < 3 ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
  }
  std::size_t GetOutputTypeCount() const { return 2; }
  OrtCustomOpInputOutputCharacteristic GetOutputCharacteristic(std::size_t index) const {
    return index == 0 ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
  }
};

class FusedGroupNormOp : public FusedNormOp<FusedGroupNormOp, FusedGroupNormKernel> {
 public:
  const char* GetName() const { return "FusedGroupNorm"; }
  ONNXTensorElementDataType GetInputType(std::size_t index) const {
    return index == 1 || index == 2 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16;
  }
};

class FusedLayerNormOp : public FusedNormOp<FusedLayerNormOp, FusedLayerNormKernel> {
 public:
  const char* GetName() const { return "FusedLayerNorm"; }
};

class FusedGegluOp : public FusedOp<FusedGegluOp, FusedGegluKernel> {
 public:
  const char* GetName() const { return "FusedGeglu"; }
  std::size_t GetInputTypeCount() const { return 2; }
};

class FusedWindowAttentionOp : public FusedOp<FusedWindowAttentionOp, FusedWindowAttentionKernel> {
 public:
  const char* GetName() const { return "FusedWindowAttention"; }
  std::size_t GetInputTypeCount() const { return 4; }
  OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(std::size_t index) const {
    return index < 3 ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
  }
  ONNXTensorElementDataType GetInputType(std::size_t index) const {
    return index < 3 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 : ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
  }
  /// How many windows there are is read by the host, where shapes lie.
  OrtMemType GetInputMemoryType(std::size_t index) const { return index == 3 ? OrtMemTypeCPUInput : OrtMemTypeDefault; }
};

class FusedControlledConcatOp : public FusedOp<FusedControlledConcatOp, FusedControlledConcatKernel> {
 public:
  const char* GetName() const { return "FusedControlledConcat"; }
  std::size_t GetInputTypeCount() const { return 6; }
  OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(std::size_t index) const {
    return index < 4 ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
  }
};

}  // namespace diffbir::runtime
