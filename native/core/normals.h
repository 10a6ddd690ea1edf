#pragma once

#include <cstddef>
#include <span>

namespace diffbir {

/// Numbers that torch turns into normal ones at once.
inline constexpr std::size_t kNormalBlock = 16;

/// Turns uniform numbers in [0, 1), multiples of 2^-24, into N(0,1) ones in place, block after block (Box & Muller
/// 1958): numbers j and j + 8 of a block become the cosine and the sine of one draw. What is left behind the last whole
/// block stays. The bits are those of torch's CPU generator on processors with AVX2. Since the angle is rounded
/// to float32, they are up to 2e-6 off the exact numbers.
void normals_from_uniforms(std::span<float> values);

/// The same bits without AVX2, for processors that have none.
void normals_from_uniforms_portable(std::span<float> values);

}  // namespace diffbir
