#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/fused/controlled_concat.h"
#include "cuda/fused/window_attention.h"

/// Layers of one network in float16, each in one pass over its feature maps, or two: ONNX Runtime's kernels for them
/// take two or three times as long as the memory needs (docs/decisions/0026-gpu-graphs.md). Pointers are device memory
/// and aligned to 16 bytes; T* to float16 is void*. What is written overlaps nothing else. Work is enqueued on
/// `stream`, a cudaStream_t of the current device. Results repeat bit by bit. Throws Error(runtime_failed) where a
/// launch is refused.
namespace diffbir::cuda {

/// Channels come in eights, up to so many.
inline constexpr std::int64_t most_fused_channels = 4096;
inline constexpr std::int64_t fused_width = 8;

/// What is normalised: x, or x + skip + bias or with one of them, which is then stored as `sum`.
struct FusedInput {
  const void* x;
  const void* skip = nullptr;        // of x's shape
  const void* bias = nullptr;        // of channels
  void* sum = nullptr;               // where one of them is; group normalisation needs none for what is of channels
  bool is_skip_per_picture = false;  // skip is [batch, channels]; not of layer normalisation
};

/// None is 0, and groups divide the channels.
struct FusedMap {
  std::int64_t batch, area, channels, groups;
};

/// Bytes of scratch memory for fused_group_norm().
std::size_t fused_group_norm_scratch(const FusedMap& map);

/// Group normalisation (Wu & He 2018) of [batch, area, channels], with SiLU behind it or not; gamma and beta are
/// float32.
void fused_group_norm(const FusedInput& input, const FusedMap& map, const float* gamma, const float* beta,
                      float epsilon, bool silu, void* y, void* scratch, void* stream);

/// Layer normalisation (Ba, Kiros & Hinton 2016) of [rows, channels]; gamma and beta are float16. Channels up to 2048,
/// in eights, or up to 512, in fours; pointers need be aligned to 8 bytes then.
void fused_layer_norm(const FusedInput& input, std::int64_t rows, std::int64_t channels, const void* gamma,
                      const void* beta, float epsilon, void* y, void* stream);
inline constexpr std::int64_t most_layer_norm_channels = 2048;
inline constexpr std::int64_t narrow_width = 4;
inline constexpr std::int64_t most_narrow_channels = 512;

/// Whether fused_layer_norm() takes so many channels.
constexpr bool has_layer_norm(std::int64_t channels) {
  return channels > 0 &&
         (channels % fused_width == 0 ? channels <= most_layer_norm_channels
                                      : channels % narrow_width == 0 && channels <= most_narrow_channels);
}

/// [rows, 2 channels] -> [rows, channels]: (x_a + bias_a) * gelu(x_b + bias_b) of its halves (Shazeer 2020).
void fused_geglu(const void* x, const void* bias, std::int64_t rows, std::int64_t channels, void* y, void* stream);

/// bodies::WindowAttention of all windows. Whether there is a kernel for heads of this width; without one nothing is
/// done.
bool fused_window_attention(const bodies::WindowInput& input, const bodies::WindowSizes& sizes,
                            const bodies::WindowShift& shift, void* out, void* stream);

/// bodies::ControlledConcat of all pixels.
void fused_controlled_concat(const bodies::ControlledConcatInput& input, void* out, void* stream);

}  // namespace diffbir::cuda
