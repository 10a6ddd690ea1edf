#pragma once

// The innermost loop that products of bytes and of float32 share. Only for sources that have switched
// AVX-512 on with `#pragma GCC target`, after all their other headers: everything here has internal linkage, so that
// the linker cannot take one of these functions for the rest of the addon.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace diffbir::runtime::avx512 {
namespace {

constexpr std::size_t lanes = 16;  // 32-bit numbers in a register

// How one step adds to a sum: 4 bytes of a row, the same for all lanes, times 4 bytes of each lane. In assembly, since
// GCC 12 keeps half of the sums on the stack when these are intrinsics, which halves the speed.

struct FloatStep {
  using Sum = __m512;
  static void add(Sum& sum, __m512i row, __m512i column) {
    asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(row), "v"(column));
  }
};

/// Four products of an unsigned byte (row) and a signed one (column).
struct ByteStep {
  using Sum = __m512i;
  static void add(Sum& sum, __m512i row, __m512i column) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(row), "v"(column));
  }
};

template <typename Step, std::size_t vectors, std::size_t... I, std::size_t... V>
inline __attribute__((always_inline)) void accumulate(typename Step::Sum* sums, const void* const* rows,
                                                      const void* panel, std::size_t steps, std::index_sequence<I...>,
                                                      std::index_sequence<V...>) {
  // Arrays of their own that only constants index, so that they become registers.
  typename Step::Sum sum[] = {sums[I]...};
  const char* row[] = {static_cast<const char*>(rows[I / vectors])...};
  const char* columns = static_cast<const char*>(panel);
  for (std::size_t step = 0; step < steps; ++step, columns += vectors * 64) {
    const __m512i column[] = {_mm512_loadu_si512(columns + V * 64)...};
    __m512i x;
    const auto add = [&]<std::size_t i>() __attribute__((always_inline)) {
      if constexpr (i % vectors == 0) {
        std::int32_t four;
        std::memcpy(&four, row[i] + step * 4, sizeof four);
        x = _mm512_set1_epi32(four);
      }
      Step::add(sum[i], x, column[i % vectors]);
    };
    (add.template operator()<I>(), ...);
  }
  ((sums[I] = sum[I]), ...);
}

/// sums[r * vectors + v] += row r times vector v of the panel. Rows hold 4 bytes a step, the panel `vectors` registers.
template <typename Step, std::size_t vectors, std::size_t count>
inline __attribute__((always_inline)) void accumulate(typename Step::Sum (&sums)[count], const void* const* rows,
                                                      const void* panel, std::size_t steps) {
  accumulate<Step, vectors>(sums, rows, panel, steps, std::make_index_sequence<count>(),
                            std::make_index_sequence<vectors>());
}

/// Calls work<i>() for 0 <= i < count: an array that only constants index can stay in registers.
template <std::size_t count, typename Work>
inline __attribute__((always_inline)) void unrolled(Work work) {
  [&]<std::size_t... I>(std::index_sequence<I...>) __attribute__((always_inline)) {
    (work.template operator()<I>(), ...);
  }
  (std::make_index_sequence<count>());
}

/// 2^x for x <= 0: a polynomial on [-1/2, 1/2] (least squares of the relative error), whose last coefficient is the
/// constant, and the exponent. A factor of all coefficients is a factor of the result. NaN stays NaN.
template <std::size_t terms>
inline __attribute__((always_inline)) __m512 exp2(__m512 x, const float (&coefficients)[terms]) {
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT);
  const __m512 f = _mm512_sub_ps(x, whole);
  __m512 p = _mm512_set1_ps(coefficients[0]);
  for (std::size_t i = 1; i < terms; ++i) p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(coefficients[i]));
  return _mm512_scalef_ps(p, whole);
}

/// The first `count` lanes; all for 16 and more.
inline __mmask16 first_lanes(std::size_t count) {
  return static_cast<__mmask16>(count >= lanes ? 0xFFFF : (1U << count) - 1);
}

}  // namespace
}  // namespace diffbir::runtime::avx512
