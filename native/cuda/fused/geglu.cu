#include "cuda/fused/fused.h"
#include "cuda/fused/vectors.cuh"
#include "cuda/kernel.cuh"

namespace diffbir::cuda {

namespace {

constexpr int threads = 256;

__global__ void geglu(const Eight* x, const Eight* bias, Eight* y, std::int64_t count, unsigned vectors) {
  const std::int64_t place = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (place >= count) return;
  const auto row = static_cast<std::int64_t>(place / vectors);
  const auto vector = static_cast<unsigned>(place - row * vectors);
  Floats values = to_floats(x[place + row * vectors]);
  const Floats gates = to_floats(x[place + (row + 1) * vectors]);
  const Floats value_bias = to_floats(bias[vector]);
  const Floats gate_bias = to_floats(bias[vector + vectors]);
  constexpr float sqrt_half = 0.70710678F;
  for (int i = 0; i < Eight::width; ++i) {
    const float gate = gates.values[i] + gate_bias.values[i];
    const float gelu = 0.5F * gate * (1 + erff(gate * sqrt_half));
    values.values[i] = (values.values[i] + value_bias.values[i]) * gelu;
  }
  y[place] = to_halves(values);
}

}  // namespace

void fused_geglu(const void* x, const void* bias, std::int64_t rows, std::int64_t channels, void* y, void* stream) {
  const std::int64_t vectors = channels / Eight::width;
  const std::int64_t count = rows * vectors;
  launch_blocks(geglu, static_cast<unsigned>((count + threads - 1) / threads), threads, 0, stream,
                static_cast<const Eight*>(x), static_cast<const Eight*>(bias), static_cast<Eight*>(y), count,
                static_cast<unsigned>(vectors));
}

}  // namespace diffbir::cuda
