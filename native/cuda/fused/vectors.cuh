#pragma once

#include <cuda_fp16.h>

#include <cstdint>

namespace diffbir::cuda {

/// What a thread loads and stores at once: eight neighbouring channels.
struct alignas(16) Eight {
  static constexpr int width = 8;
  __half2 pairs[width / 2];
};

struct Floats {
  float values[Eight::width];
};

__device__ inline Floats to_floats(const Eight& halves) {
  Floats result;
  for (int i = 0; i < Eight::width / 2; ++i) {
    const float2 pair = __half22float2(halves.pairs[i]);
    result.values[2 * i] = pair.x;
    result.values[2 * i + 1] = pair.y;
  }
  return result;
}

__device__ inline Eight to_halves(const Floats& floats) {
  Eight result;
  for (int i = 0; i < Eight::width / 2; ++i) {
    result.pairs[i] = __floats2half2_rn(floats.values[2 * i], floats.values[2 * i + 1]);
  }
  return result;
}

/// x + skip + bias: a sum that is stored is rounded to float16, so that what is normalised is what others see.
struct Addends {
  const Eight* x;
  const Eight* skip;  // or null, as the other two
  const Eight* bias;
  Eight* sum;

  /// Of a place in x, another in skip, and a vector of a row's.
  __device__ Floats operator()(std::int64_t place, std::int64_t skip_place, int vector) const {
    Floats total = to_floats(x[place]);
    if (skip != nullptr) {
      const Floats second = to_floats(skip[skip_place]);
      for (int i = 0; i < Eight::width; ++i) total.values[i] += second.values[i];
    }
    if (bias != nullptr) {
      const Floats third = to_floats(bias[vector]);
      for (int i = 0; i < Eight::width; ++i) total.values[i] += third.values[i];
    }
    if (sum == nullptr) return total;
    const Eight rounded = to_halves(total);
    sum[place] = rounded;
    return to_floats(rounded);
  }
};

/// The sum over a warp, for each of its threads: the same whatever the run.
__device__ inline float warp_sum(float value) {
  constexpr unsigned everyone = 0xFFFFFFFFU;
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(everyone, value, distance);
  return value;
}

}  // namespace diffbir::cuda
