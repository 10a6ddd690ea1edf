#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

// Functions that are marked so are compiled for several instruction sets; the loader picks one. All give the same bits.
// Not where threads are checked: what picks one would be checked too, before that can be called.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__) && \
    !defined(__SANITIZE_THREAD__)
#define DIFFBIR_SIMD_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define DIFFBIR_SIMD_CLONES
#endif

/// Functions of one value as straight-line arithmetic, so that compilers can vectorise loops over them.
namespace diffbir::runtime {

/// exp(x) for x in -87..0: 2^n times a polynomial of the remainder (Taylor to degree 7 on |r| <= ln 2 / 2, relative
/// error below 2e-7).
inline float exp_negative(float x) {
  constexpr float log2_e = 1.44269504F;
  constexpr float ln2_high = 0.693359375F;
  constexpr float ln2_low = -2.12194440e-4F;
  constexpr float round_magic = 12582912.0F;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const float shifted = x * log2_e + round_magic;
  const float n = shifted - round_magic;
  const float r = (x - n * ln2_high) - n * ln2_low;
  float p = 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const auto exponent = (std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(round_magic) + 127) << 23;
  return p * std::bit_cast<float>(exponent);
}

/// Without overflow on either side.
inline float sigmoid(float y) {
  const float e = exp_negative(std::max(-std::fabs(y), -87.0F));  // exp(-|y|)
  const float sigmoid_of_magnitude = 1.0F / (1.0F + e);
  return y >= 0.0F ? sigmoid_of_magnitude : e * sigmoid_of_magnitude;
}

/// y times the standard normal distribution function, whose upper tail is formula 7.1.26 of Abramowitz and Stegun 1964
/// (error of erf below 1.5e-7; on the negative side nothing cancels).
inline float gelu(float y) {
  constexpr float inverse_sqrt2 = 0.70710678F;
  const float t = 1.0F / (1.0F + 0.3275911F * inverse_sqrt2 * std::fabs(y));
  float p = 1.061405429F;
  p = p * t - 1.453152027F;
  p = p * t + 1.421413741F;
  p = p * t - 0.284496736F;
  p = p * t + 0.254829592F;
  const float upper_tail = 0.5F * p * t * exp_negative(std::max(-0.5F * y * y, -87.0F));
  return y * (y >= 0.0F ? 1.0F - upper_tail : upper_tail);
}

}  // namespace diffbir::runtime
