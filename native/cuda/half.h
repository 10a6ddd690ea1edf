#pragma once

#include <cstdint>

#include "core/host_device.h"
#ifdef __CUDACC__
#include <cuda_fp16.h>
#else
#include "core/half.h"
#endif

namespace diffbir::bodies {

/// A float16 by its bits, for kernels and their host twins.
struct Half {
  std::uint16_t bits;
};

DIFFBIR_HOST_DEVICE inline float to_float(float value) { return value; }

DIFFBIR_HOST_DEVICE inline float to_float(Half half) {
#ifdef __CUDACC__
  return __half2float(__half(__half_raw{half.bits}));
#else
  return half_to_float(half.bits);
#endif
}

template <typename T>
DIFFBIR_HOST_DEVICE T from_float(float value);

template <>
DIFFBIR_HOST_DEVICE inline float from_float<float>(float value) {
  return value;
}

template <>
DIFFBIR_HOST_DEVICE inline Half from_float<Half>(float value) {
#ifdef __CUDACC__
  return {static_cast<__half_raw>(__float2half_rn(value)).x};
#else
  return {float_to_half(value)};
#endif
}

}  // namespace diffbir::bodies
