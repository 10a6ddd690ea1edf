#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "core/cancellation.h"

namespace diffbir::graph {

/// Operators that do the work of several, one switch each. Off: the same numbers, but for rounding, from operators of
/// the ONNX standard, which every execution provider has.
struct Fusions {
  /// com.microsoft.MultiHeadAttention; else heads split, MatMul, Softmax, MatMul.
  bool attention = true;
  /// diffbir.GroupNorm with the activation in it; else GroupNormalization, Sigmoid and Mul. A network that was given a
  /// Builder::tile_ticket() has the first in any case: statistics of several tiles are known to no other operator.
  bool group_norm = true;
  /// diffbir.LayerNorm; else LayerNormalization.
  bool layer_norm = true;
  /// com.microsoft.FusedMatMul on weights as they lie in the file; else Transpose and MatMul.
  bool linear = true;
  /// com.microsoft.Gelu; else Erf and pointwise operators.
  bool gelu = true;
  /// diffbir.Geglu on a linear layer without its bias, or diffbir.Int8Linear with geglu; else that bias, Split, gelu()
  /// and Mul.
  bool geglu = true;
  /// Kernels for AVX-512 where the processor has it: diffbir.Attention in the place of MultiHeadAttention, and the fast
  /// ones of diffbir.Int8Linear and Int8Conv; else those that run everywhere.
  bool vector_kernels = true;

  // ---- operators that the CUDA provider alone has; where their kernels do not take a layer's sizes,
  // ---- it has the form without them. Not where gradients are recorded.
  /// Feature maps lie in NHWC: NhwcConv, and all that stands between two of them; to_tokens() and to_image() are then
  /// no more than other shapes.
  bool nhwc = false;
  /// With nhwc: GroupNorm with the activation in it, or diffbir.NhwcGroupNorm.
  bool nhwc_group_norm = false;
  /// With nhwc_group_norm: SkipGroupNorm, for a normalisation of a sum; a bias of what is added is a part of it.
  bool skip_group_norm = false;
  /// SkipLayerNormalization, the same for layer_norm().
  bool skip_layer_norm = false;
  /// BiasAdd: what a linear layer adds to its product, and the residual connection, at once.
  bool bias_add = false;
  /// BiasSplitGelu in the place of diffbir.Geglu.
  bool bias_split_gelu = false;
  /// In the place of GroupNorm, SkipGroupNorm, LayerNormalization, SkipLayerNormalization and BiasSplitGelu in float16:
  /// diffbir.FusedGroupNorm, FusedLayerNorm and FusedGeglu, where channels come in eights. FusedWindowAttention and
  /// FusedControlledConcat are in the place of several operators each.
  bool fused_kernels = false;
  /// MultiHeadAttention on one product with the weights of keys and values, where both are of a context.
  bool packed_attention = false;
  /// Maps of different numbers of channels are split before they are joined, so that all parts have the same. Others
  /// are joined by tables that the host uploads, and a CUDA graph reads the host's memory again when that has something
  /// else. Up to 32 parts, of which Stable Diffusion 2.1 has three at most.
  bool equal_concat = false;

  /// Each tile has statistics of its own, also in a network that was given a Builder::tile_ticket(): those of ONNX
  /// Runtime's normalisations, which are faster on a GPU. For pictures whole. Off: diffbir.GroupNorm or, with
  /// nhwc_group_norm, diffbir.NhwcGroupNorm, which the CUDA provider has too.
  bool separate_tiles = false;

  /// Without NHWC: for float32, of which cuDNN has convolutions in NHWC for tensor cores alone, that is in TF32.
  void keep_nchw() noexcept { nhwc = nhwc_group_norm = skip_group_norm = false; }

  bool operator==(const Fusions&) const = default;
};

/// Channels that Fusions::fused_kernels take (cuda/fused/fused.h): so many times some, and so many at most.
inline constexpr std::int64_t fused_width = 8;
inline constexpr std::int64_t most_fused_channels = 4096;
inline constexpr std::int64_t most_layer_norm_channels = 2048;
inline constexpr std::int64_t narrow_width = 4;  // of layer normalisation, which has a kernel for few channels too
inline constexpr std::int64_t most_narrow_channels = 512;
/// Of window attention, which takes even widths.
inline constexpr std::int64_t widest_window_head = 32;

/// Who runs a graph: ONNX Runtime's execution providers.
enum class Provider { cpu, cuda, tensorrt };

/// What is fastest there: for the CPU Fusions{}, for CUDA its operators, for TensorRT, which fuses by itself, those of
/// the ONNX standard alone.
Fusions fusions_for(Provider provider);

/// What the large layers compute with.
enum class Precision {
  float32,
  /// Weights and activations of 16 bits; inputs and outputs of the graph stay float32. For GPUs: ONNX Runtime's CPU
  /// provider computes in float32 all the same, and converts before and after. In float32 too are what leaves the range
  /// of float16 in Stable Diffusion 2.1, the logits and weights of attention and the statistics of normalisations, and
  /// what wants more digits, the time embedding and the last convolution.
  float16,
  /// Weights and activations of 8 bits, sums of 32 (runtime::Int8LinearOp, Int8ConvOp), for convolutions and linear
  /// layers with at least 32 inputs and outputs, and for attention where the processor has AVX-512 VNNI and VBMI.
  int8,
};

/// How a network's graph is built, whatever the network.
struct BuildOptions {
  /// Paths of modules (Builder::mark) whose outputs shall be outputs of the graph too.
  std::set<std::string> marks = {};
  /// Of every group normalisation.
  std::int64_t norm_groups = 32;
  Fusions fusions = {};
  Precision precision = Precision::float32;
  /// For tests: every value in float16 is rounded to it (runtime::RoundedOp), as a GPU does it. On the CPU, ONNX
  /// Runtime leaves a rounding out where it has no kernel for float16 before and behind.
  bool rounded = false;
  /// For tests: operators that the CUDA provider alone has are replaced by what they stand for (definitions.h).
  bool definitions = false;
  /// For tests, with `definitions`: our own are not, since there is something that runs their kernels.
  bool own_kernels = false;
  /// That convert and pack parameters.
  int threads = 1;
  /// Cancels the building between two parameters, of which some are converted or packed; may be null.
  CancellationToken* token = nullptr;
};

}  // namespace diffbir::graph
