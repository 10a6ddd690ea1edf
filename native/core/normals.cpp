#include "core/normals.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "core/cpu.h"
#include "core/philox.h"

namespace diffbir {

namespace {

// Straight-line arithmetic, which compilers vectorise. Logarithm, sine and cosine are approximated as in the Cephes
// library (S. L. Moshier 1992: reductions and coefficients of logf, sinf and cosf), as torch has them, and products and
// sums are fused where g++ fuses them in torch.

/// ln x for 0 < x <= 1.
inline float log_of(float x) {
  constexpr float ln2_high = 0.693359375F;
  constexpr float ln2_low = -2.12194440e-4F;
  constexpr std::uint32_t mantissa = 0x007FFFFF;
  constexpr auto root_half = std::bit_cast<std::uint32_t>(std::numbers::sqrt2_v<float> / 2);
  // x = 2^n (1 + m), with 1 + m from the root of 1/2 to that of 2.
  const std::uint32_t above = std::bit_cast<std::uint32_t>(x) - root_half;
  const auto n = static_cast<float>(static_cast<std::int32_t>(above) >> 23);
  const float m = std::bit_cast<float>((above & mantissa) + root_half) - 1.0F;
  const float square = m * m;
  float p = 7.0376836292e-2F;
  p = std::fma(p, m, -1.1514610310e-1F);
  p = std::fma(p, m, 1.1676998740e-1F);
  p = std::fma(p, m, -1.2420140846e-1F);
  p = std::fma(p, m, 1.4249322787e-1F);
  p = std::fma(p, m, -1.6668057665e-1F);
  p = std::fma(p, m, 2.0000714765e-1F);
  p = std::fma(p, m, -2.4999993993e-1F);
  p = std::fma(p, m, 3.3333331174e-1F);
  const float rest = std::fma(-0.5F, square, std::fma(p * m, square, n * ln2_low));
  return std::fma(n, ln2_high, m + rest);
}

struct Turn {
  float cosine;
  float sine;
};

/// Of an angle from 0 to 2 pi.
inline Turn turn_of(float angle) {
  // Minus the multiple of pi / 4 that leaves at most pi / 4 on either side, in three parts.
  const auto octant = (static_cast<std::int32_t>(angle * 1.27323954473516F) + 1) & ~1;
  const auto n = static_cast<float>(octant);
  float x = std::fma(n, -0.78515625F, angle);
  x = std::fma(n, -2.4187564849853515625e-4F, x);
  x = std::fma(n, -3.77489497744594108e-8F, x);
  const float square = x * x;
  float p = 2.443315711809948e-5F;
  p = std::fma(p, square, -1.388731625493765e-3F);
  p = std::fma(p, square, 4.166664568298827e-2F);
  const float near_one = std::fma(p * square, square, -(0.5F * square)) + 1.0F;
  float q = -1.9515295891e-4F;
  q = std::fma(q, square, 8.3321608736e-3F);
  q = std::fma(q, square, -1.6666654611e-1F);
  const float near_zero = std::fma(q * square, x, x);
  // Which of both is the cosine, and the signs: by bits, since compilers make branches of selected numbers.
  const auto quadrant = static_cast<std::uint32_t>(octant) >> 1;
  const auto even = std::bit_cast<std::uint32_t>(near_one);
  const auto odd = std::bit_cast<std::uint32_t>(near_zero);
  const std::uint32_t swapped = (even ^ odd) & (0U - (quadrant & 1U));
  return {std::bit_cast<float>(even ^ swapped ^ (((quadrant + 1) & 2U) << 30)),
          std::bit_cast<float>(odd ^ swapped ^ ((quadrant & 2U) << 30))};
}

inline void box_muller(float* values, std::size_t blocks) {
  constexpr std::size_t half = kNormalBlock / 2;
  for (std::size_t block = 0; block < blocks; ++block, values += kNormalBlock) {
    for (std::size_t j = 0; j < half; ++j) {
      const float u = 1.0F - values[j];  // in (0, 1], so that the logarithm is finite
      const float radius = std::sqrt(-2.0F * log_of(u));
      const Turn turn = turn_of(2 * std::numbers::pi_v<float> * values[half + j]);
      values[j] = radius * turn.cosine;
      values[half + j] = radius * turn.sine;
    }
  }
}

inline void box_muller(const std::uint32_t* x, const std::uint32_t* y, std::size_t count, float* sines,
                       float* cosines) {
  for (std::size_t i = 0; i < count; ++i) {
    const float radius = std::sqrt(-2.0F * log_of(fraction_of_word(x[i])));
    const Turn turn = turn_of(angle_of_word(y[i]));
    sines[i] = radius * turn.sine;
    cosines[i] = radius * turn.cosine;
  }
}

#if DIFFBIR_HAS_AVX2
__attribute__((target("avx2,fma"), flatten)) void box_muller_avx2(float* values, std::size_t blocks) {
  box_muller(values, blocks);
}
__attribute__((target("avx2,fma"), flatten)) void box_muller_avx2(const std::uint32_t* x, const std::uint32_t* y,
                                                                  std::size_t count, float* sines, float* cosines) {
  box_muller(x, y, count, sines, cosines);
}
#endif

}  // namespace

void normals_from_uniforms(std::span<float> values) {
#if DIFFBIR_HAS_AVX2
  if (has_avx2()) return box_muller_avx2(values.data(), values.size() / kNormalBlock);
#endif
  normals_from_uniforms_portable(values);
}

void normals_from_uniforms_portable(std::span<float> values) {
  box_muller(values.data(), values.size() / kNormalBlock);
}

void normals_from_words(std::span<const std::uint32_t> x, std::span<const std::uint32_t> y, float* sines,
                        float* cosines) {
#if DIFFBIR_HAS_AVX2
  if (has_avx2()) return box_muller_avx2(x.data(), y.data(), x.size(), sines, cosines);
#endif
  box_muller(x.data(), y.data(), x.size(), sines, cosines);
}

}  // namespace diffbir
