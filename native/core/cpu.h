#pragma once

/// Whether this compiler builds functions for AVX2 beside those for every processor.
#if defined(__x86_64__) && defined(__GNUC__)
#define DIFFBIR_HAS_AVX2 1
#else
#define DIFFBIR_HAS_AVX2 0
#endif

/// Whether this compiler builds the kernels for AVX-512. Clang knows no `#pragma GCC target`, and MSVC no assembly.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DIFFBIR_HAS_AVX512 1
#else
#define DIFFBIR_HAS_AVX512 0
#endif

namespace diffbir {

/// What this processor and its system can run, of what the kernels in native/runtime use. False where the addon was
/// built without them.
bool has_avx2() noexcept;    // and FMA
bool has_avx512() noexcept;  // F, BW, DQ and VL
bool has_avx512_vnni() noexcept;
bool has_avx512_vbmi() noexcept;

}  // namespace diffbir
