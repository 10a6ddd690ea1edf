#pragma once

namespace diffbir {

/// What this processor and its system can run, of what the kernels in native/runtime use. False where the addon was
/// built without them.
bool has_avx512() noexcept;  // F, BW, DQ and VL
bool has_avx512_vnni() noexcept;
bool has_avx512_bf16() noexcept;

}  // namespace diffbir
