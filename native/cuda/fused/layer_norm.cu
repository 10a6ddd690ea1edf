#include "cuda/fused/fused.h"
#include "cuda/fused/vectors.cuh"
#include "cuda/kernel.cuh"

namespace diffbir::cuda {

namespace {

constexpr int warp = 32;
constexpr int warps = 8;  // rows of a block

/// A row for each warp, whose threads have at most `count` vectors each.
template <typename Vector, int count>
__global__ void normalize(Addends<Vector> input, const Vector* gamma, const Vector* beta, Vector* y, std::int64_t rows,
                          int channels, float epsilon) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * warps + threadIdx.x / warp;
  if (row >= rows) return;
  const int vectors = channels / Vector::width;
  const int first = static_cast<int>(threadIdx.x) % warp;
  Vector x[count];
  Vector skip[count];
  Vector bias[count];
#pragma unroll
  for (int k = 0; k < count; ++k) {
    const int vector = first + k * warp;
    if (vector >= vectors) continue;
    x[k] = input.x[row * vectors + vector];
    if (input.skip != nullptr) skip[k] = input.skip[row * vectors + vector];
    if (input.bias != nullptr) bias[k] = input.bias[vector];
  }
  FloatsOf<Vector::width> values[count];
  float total = 0;
#pragma unroll
  for (int k = 0; k < count; ++k) {
    const int vector = first + k * warp;
    if (vector >= vectors) continue;
    values[k] = input(x[k], skip[k], bias[k], row * vectors + vector);
    for (int i = 0; i < Vector::width; ++i) total += values[k].values[i];
  }
  const float mean = warp_sum(total) / static_cast<float>(channels);
  float squares = 0;
#pragma unroll
  for (int k = 0; k < count; ++k) {
    if (first + k * warp >= vectors) continue;
    for (int i = 0; i < Vector::width; ++i) {
      const float difference = values[k].values[i] - mean;
      squares = fmaf(difference, difference, squares);
    }
  }
  const float inverse_deviation = rsqrtf(warp_sum(squares) / static_cast<float>(channels) + epsilon);
#pragma unroll
  for (int k = 0; k < count; ++k) {
    const int vector = first + k * warp;
    if (vector >= vectors) continue;
    const FloatsOf<Vector::width> factors = to_floats(gamma[vector]);
    const FloatsOf<Vector::width> offsets = to_floats(beta[vector]);
    FloatsOf<Vector::width> result;
    for (int i = 0; i < Vector::width; ++i) {
      result.values[i] = fmaf((values[k].values[i] - mean) * inverse_deviation, factors.values[i], offsets.values[i]);
    }
    y[row * vectors + vector] = to_halves(result);
  }
}

template <typename Vector, std::int64_t most_channels, int count = 1>
void launch(const FusedInput& input, std::int64_t rows, std::int64_t channels, const void* gamma, const void* beta,
            float epsilon, void* y, void* stream) {
  constexpr int step = warp * Vector::width;
  if constexpr (count * step < most_channels) {
    if (channels > count * step) {
      return launch<Vector, most_channels, count + 1>(input, rows, channels, gamma, beta, epsilon, y, stream);
    }
  }
  const auto blocks = static_cast<unsigned>((rows + warps - 1) / warps);
  launch_blocks(normalize<Vector, count>, blocks, warps * warp, 0, stream, Addends<Vector>(input),
                static_cast<const Vector*>(gamma), static_cast<const Vector*>(beta), static_cast<Vector*>(y), rows,
                static_cast<int>(channels), epsilon);
}

}  // namespace

void fused_layer_norm(const FusedInput& input, std::int64_t rows, std::int64_t channels, const void* gamma,
                      const void* beta, float epsilon, void* y, void* stream) {
  if (channels % fused_width == 0) {
    launch<Halves<fused_width>, most_layer_norm_channels>(input, rows, channels, gamma, beta, epsilon, y, stream);
  } else {
    launch<Halves<narrow_width>, most_narrow_channels>(input, rows, channels, gamma, beta, epsilon, y, stream);
  }
}

}  // namespace diffbir::cuda
