#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace diffbir {

/// Numbers that torch turns into normal ones at once.
inline constexpr std::size_t kNormalBlock = 16;

/// Turns uniform numbers in [0, 1), multiples of 2^-24, into N(0,1) ones in place, block after block (Box & Muller
/// 1958): numbers j and j + 8 of a block become the cosine and the sine of one draw. What is left behind the last whole
/// block stays. The bits are those that were recorded of torch's CPU generator on a processor with AVX2. Since the
/// angle is rounded to float32, they are up to 2e-6 off the exact numbers.
void normals_from_uniforms(std::span<float> values);

/// The same bits without AVX2, for processors that have none.
void normals_from_uniforms_portable(std::span<float> values);

/// The N(0,1) numbers of random words x and y as torch's CUDA generator makes them (philox.h), all arrays of one size.
void normals_from_words(std::span<const std::uint32_t> x, std::span<const std::uint32_t> y, float* sines,
                        float* cosines);

}  // namespace diffbir
