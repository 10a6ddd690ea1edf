#pragma once

#include <bit>
#include <cstdint>
#include <limits>

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

/// binary32 to the nearest binary16, of two that are as near the even one; what is too large becomes infinity. Without
/// branches too: masks instead, of comparisons of signed numbers, which every processor has for several at once.
constexpr std::uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  const auto compared = static_cast<std::int32_t>(magnitude);
  constexpr std::int32_t infinity = 0x7F800000;
  constexpr std::int32_t too_large = 0x47800000;        // 2^16, infinity as binary16
  constexpr std::int32_t smallest_normal = 0x38800000;  // 2^-14
  const std::uint32_t capped = compared < too_large ? magnitude : static_cast<std::uint32_t>(too_large);
  // Rounding may carry into the exponent.
  const std::uint32_t normal = (capped + 0x0FFFU + (capped >> 13 & 1U) - 0x38000000U) >> 13;
  // Numbers between 0.5 and 1 lie 2^-24 apart, as subnormals do: the addition rounds.
  const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(std::bit_cast<float>(capped) + 0.5F) - 0x3F000000U;
  const std::uint32_t is_subnormal = 0U - static_cast<std::uint32_t>(compared < smallest_normal);
  const std::uint32_t quiet_bit = static_cast<std::uint32_t>(compared > infinity) << 9;
  return static_cast<std::uint16_t>((bits >> 16 & 0x8000U) | (subnormal & is_subnormal) | (normal & ~is_subnormal) |
                                    quiet_bit);
}

static_assert(float_to_half(-1.0F) == 0xBC00U && float_to_half(0.1F) == 0x2E66U);
static_assert(float_to_half(65519.99F) == 0x7BFFU && float_to_half(65520.0F) == 0x7C00U);
static_assert(float_to_half(2049.0F) == 0x6800U && float_to_half(2051.0F) == 0x6802U);  // ties
static_assert(float_to_half(0x1p-25F) == 0U && float_to_half(0x1.8p-24F) == 2U &&
              float_to_half(0x1.FFFp-15F) == 0x0400U);
static_assert(float_to_half(std::numeric_limits<float>::max()) == 0x7C00U &&
              float_to_half(-std::numeric_limits<float>::infinity()) == 0xFC00U &&
              float_to_half(std::numeric_limits<float>::quiet_NaN()) == 0x7E00U);

/// bfloat16 is the upper half of a binary32.
inline float bfloat16_to_float(std::uint16_t bfloat) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bfloat) << 16);
}

}  // namespace diffbir
