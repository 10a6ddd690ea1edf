#pragma once

#include <cuda_fp16.h>

#include <cstdint>

#include "cuda/fused/fused.h"
#include "cuda/kernel.cuh"

namespace diffbir::cuda {

/// What a thread loads and stores at once: neighbouring channels. Two of them are an unsigned, and vectors are handed
/// on by value: __half2 has a copy of its own, by which a vector would be read and written in pieces of 4 bytes.
template <int channels>
struct alignas(channels * sizeof(__half)) Halves {
  static constexpr int width = channels;
  unsigned pairs[width / 2];
};
using Eight = Halves<8>;

template <int width>
struct alignas(16) FloatsOf {
  float values[width];
};
using Floats = FloatsOf<Eight::width>;

template <int width>
__device__ FloatsOf<width> to_floats(const Halves<width> halves) {
  FloatsOf<width> result;
  for (int i = 0; i < width / 2; ++i) {
    const float2 pair = __half22float2(reinterpret_cast<const __half2&>(halves.pairs[i]));
    result.values[2 * i] = pair.x;
    result.values[2 * i + 1] = pair.y;
  }
  return result;
}

template <int width>
__device__ Halves<width> to_halves(const FloatsOf<width>& floats) {
  Halves<width> result;
  for (int i = 0; i < width / 2; ++i) {
    const __half2 pair = __floats2half2_rn(floats.values[2 * i], floats.values[2 * i + 1]);
    result.pairs[i] = reinterpret_cast<const unsigned&>(pair);
  }
  return result;
}

/// x + skip + bias: a sum that is stored is rounded to float16, so that what is normalised is what others see.
template <typename Vector>
struct Addends {
  const Vector* x;
  const Vector* skip;  // or null, as the other two
  const Vector* bias;
  Vector* sum;

  explicit Addends(const FusedInput& input)
      : x(static_cast<const Vector*>(input.x)),
        skip(static_cast<const Vector*>(input.skip)),
        bias(static_cast<const Vector*>(input.bias)),
        sum(static_cast<Vector*>(input.sum)) {}

  /// Of what was loaded of x, of skip and of bias, at a place in x. Loads are the caller's, several before the first is
  /// used: none moves up over a store.
  __device__ FloatsOf<Vector::width> operator()(const Vector of_x, const Vector of_skip, const Vector of_bias,
                                                std::int64_t place) const {
    FloatsOf<Vector::width> total = to_floats(of_x);
    if (skip != nullptr) {
      const FloatsOf<Vector::width> second = to_floats(of_skip);
      for (int i = 0; i < Vector::width; ++i) total.values[i] += second.values[i];
    }
    if (bias != nullptr) {
      const FloatsOf<Vector::width> third = to_floats(of_bias);
      for (int i = 0; i < Vector::width; ++i) total.values[i] += third.values[i];
    }
    if (sum == nullptr) return total;
    const Vector rounded = to_halves(total);
    sum[place] = rounded;
    return to_floats(rounded);
  }
};

/// The sum over `threads` neighbours of a whole warp, for each of them: the same whatever the run.
template <int threads = 32>
__device__ float warp_sum(float value) {
  constexpr unsigned everyone = 0xFFFFFFFFU;
#pragma unroll
  for (int distance = threads / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(everyone, value, distance);
  return value;
}

}  // namespace diffbir::cuda
