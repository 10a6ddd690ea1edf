#pragma once

#include <cstddef>
#include <cstdint>

#include "imaging/tile.h"

/// imaging/wavelet.h and imaging/adain.h on the device; see cuda/imaging/pixels.h for what all functions have in
/// common. Pictures are [B,C,H,W], `planes` is B C. Scratch is of the bytes that the function before says, aligned to
/// 256.
namespace diffbir::cuda {

std::size_t wavelet_reconstruction_scratch(Size size);

/// high(content) + low(style), in place of content.
void wavelet_reconstruction(float* content, const float* style, std::int64_t planes, Size size, void* scratch,
                            void* stream);

std::size_t adaptive_instance_normalization_scratch(std::int64_t planes, Size size);

/// `out` may be `content`. Sums are added in another order than on the host, in double: results differ by a rounding.
void adaptive_instance_normalization(const float* content, const float* style, std::int64_t planes, Size size,
                                     float* out, void* scratch, void* stream);

}  // namespace diffbir::cuda
