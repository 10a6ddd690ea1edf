#include "core/cpu.h"

namespace diffbir {

#if DIFFBIR_HAS_AVX2
bool has_avx2() noexcept {
  static const bool is_there = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return is_there;
}
#else
bool has_avx2() noexcept { return false; }
#endif

#if DIFFBIR_HAS_AVX512

bool has_avx512() noexcept {
  static const bool is_there = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return is_there;
}
bool has_avx512_vnni() noexcept {
  static const bool is_there = has_avx512() && __builtin_cpu_supports("avx512vnni");
  return is_there;
}
bool has_avx512_vbmi() noexcept {
  static const bool is_there = has_avx512() && __builtin_cpu_supports("avx512vbmi");
  return is_there;
}

#else

bool has_avx512() noexcept { return false; }
bool has_avx512_vnni() noexcept { return false; }
bool has_avx512_vbmi() noexcept { return false; }

#endif

}  // namespace diffbir
