#include "cuda/check.h"
#include "cuda/fused/fused.h"
#include "cuda/fused/vectors.cuh"

namespace diffbir::cuda {

namespace {

constexpr int warp = 32;
constexpr int warps = 8;  // rows of a block

/// A row for each warp, whose threads have at most `count` vectors each.
template <int count>
__global__ void normalize(Addends input, const Eight* gamma, const Eight* beta, Eight* y, std::int64_t rows,
                          int channels, float epsilon) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * warps + threadIdx.x / warp;
  if (row >= rows) return;
  const int vectors = channels / Eight::width;
  const int first = static_cast<int>(threadIdx.x) % warp;
  Floats values[count];
  float total = 0;
#pragma unroll
  for (int k = 0; k < count; ++k) {
    const int vector = first + k * warp;
    if (vector >= vectors) continue;
    values[k] = input(row * vectors + vector, row * vectors + vector, vector);
    for (int i = 0; i < Eight::width; ++i) total += values[k].values[i];
  }
  const float mean = warp_sum(total) / static_cast<float>(channels);
  float squares = 0;
#pragma unroll
  for (int k = 0; k < count; ++k) {
    if (first + k * warp >= vectors) continue;
    for (int i = 0; i < Eight::width; ++i) {
      const float difference = values[k].values[i] - mean;
      squares = fmaf(difference, difference, squares);
    }
  }
  const float inverse_deviation = rsqrtf(warp_sum(squares) / static_cast<float>(channels) + epsilon);
#pragma unroll
  for (int k = 0; k < count; ++k) {
    const int vector = first + k * warp;
    if (vector >= vectors) continue;
    const Floats factors = to_floats(gamma[vector]);
    const Floats offsets = to_floats(beta[vector]);
    Floats result;
    for (int i = 0; i < Eight::width; ++i) {
      result.values[i] = fmaf((values[k].values[i] - mean) * inverse_deviation, factors.values[i], offsets.values[i]);
    }
    y[row * vectors + vector] = to_halves(result);
  }
}

template <int count>
void launch(const Addends& input, const Eight* gamma, const Eight* beta, Eight* y, std::int64_t rows,
            std::int64_t channels, float epsilon, void* stream) {
  constexpr int step = warp * Eight::width;
  if constexpr (count * step < most_layer_norm_channels) {
    if (channels > count * step) return launch<count + 1>(input, gamma, beta, y, rows, channels, epsilon, stream);
  }
  const auto blocks = static_cast<unsigned>((rows + warps - 1) / warps);
  normalize<count><<<blocks, warps * warp, 0, static_cast<cudaStream_t>(stream)>>>(input, gamma, beta, y, rows,
                                                                                   static_cast<int>(channels), epsilon);
  DIFFBIR_CUDA_CHECK(cudaGetLastError());
}

}  // namespace

void fused_layer_norm(const FusedInput& input, std::int64_t rows, std::int64_t channels, const void* gamma,
                      const void* beta, float epsilon, void* y, void* stream) {
  const Addends addends{static_cast<const Eight*>(input.x), static_cast<const Eight*>(input.skip),
                        static_cast<const Eight*>(input.bias), static_cast<Eight*>(input.sum)};
  launch<1>(addends, static_cast<const Eight*>(gamma), static_cast<const Eight*>(beta), static_cast<Eight*>(y), rows,
            channels, epsilon, stream);
}

}  // namespace diffbir::cuda
