#pragma once

#include <cstddef>
#include <cstdint>

#include "imaging/tile.h"

/// imaging/resize.h on the device; see cuda/imaging/pixels.h for what all functions have in common. Sizes are at
/// least 1. Scratch is of the bytes that the function before says, aligned to 256.
namespace diffbir::cuda {

std::size_t resize_bicubic_antialias_scratch(std::int64_t planes, Size from, Size to);

/// x [B,C,H,W] of `planes` = B C to [B,C,H',W'], in float32; `out` is not x.
void resize_bicubic_antialias(const float* x, std::int64_t planes, Size from, float* out, Size to, void* scratch,
                              void* stream);

std::size_t resize_bicubic_pil_scratch(Size from, Size to);

/// An 8-bit picture [H,W,3] to [H',W',3]; `out` is not `rgb`.
void resize_bicubic_pil(const std::uint8_t* rgb, Size from, std::uint8_t* out, Size to, void* scratch, void* stream);

}  // namespace diffbir::cuda
