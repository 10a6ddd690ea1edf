#pragma once

#include <bit>
#include <cstdint>

namespace diffbir {

/// IEEE 754 binary16 to binary32; exact, subnormals, infinities and NaN included. Without branches, so that compilers
/// convert several at once: checkpoints have a thousand million of them.
inline float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t magnitude = static_cast<std::uint32_t>(half & 0x7FFFU) << 13;
  // The exponent is too small by the difference of the biases, 127 - 15, also that of a subnormal.
  const std::uint32_t scaled = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112F);
  const std::uint32_t not_finite = (half & 0x7C00U) == 0x7C00U ? 0x7F800000U : 0U;
  return std::bit_cast<float>(sign | scaled | not_finite);
}

/// bfloat16 is the upper half of a binary32.
inline float bfloat16_to_float(std::uint16_t bfloat) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bfloat) << 16);
}

}  // namespace diffbir
