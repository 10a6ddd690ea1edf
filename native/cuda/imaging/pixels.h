#pragma once

#include <cstdint>

#include "imaging/tile.h"

/// imaging/pixels.h on the device. All functions of this folder enqueue on `stream`, a cudaStream_t of the
/// current device, and return at once; pointers to pictures and scratch are device memory, tiles are read before they
/// return. They throw Error(runtime_failed) where a launch is refused, and check no arguments.
namespace diffbir::cuda {

/// [n,3,h,w] in [0,1] of n >= 1 tiles of one size, which lie inside the 8-bit picture [height,width,3].
void image_to_tensor(const std::uint8_t* rgb, Size size, const Tile* tiles, std::int64_t count, float* out,
                     void* stream);

/// The 8-bit picture [height,width,3] of x [3,height,width] in [0,1]; values outside are clamped, NaN gives 0.
void tensor_to_image(const float* x, Size size, Rounding rounding, std::uint8_t* rgb, void* stream);

/// `count` values from 0..1 to -1..1; `out` may be x.
void to_signed(const float* x, std::int64_t count, float* out, void* stream);

/// `count` values from -1..1 to 0..1; `out` may be x.
void to_unsigned(const float* x, std::int64_t count, float* out, void* stream);

}  // namespace diffbir::cuda
