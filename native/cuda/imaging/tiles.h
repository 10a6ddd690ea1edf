#pragma once

#include <cstdint>

#include "imaging/tile.h"

/// imaging/tiling.h and imaging/pad.h on the device; see cuda/imaging/pixels.h for what all functions have in common.
/// `planes` is B C of a picture [B,C,H,W].
namespace diffbir::cuda {

/// n >= 1 tiles of one size of x [B,C,height,width], one after the other: [n B,C,h,w]. Tiles begin at 0 or beyond and
/// may end outside x, right and below: what lies there is as `mode` says. So one tile from (0, 0) pads or crops.
void cut_tiles(const float* x, std::int64_t planes, Size size, const Tile* tiles, std::int64_t count, PadMode mode,
               float* out, void* stream);

/// Blends in three steps as blend_tiles() does: zeros in both sums, add_tiles() for the outputs of some tiles after the
/// others, divide_by_weights(). `outputs` are [n B,C,scale h,scale w] of n >= 1 tiles of one size, `weights` those of
/// gaussian_weights() for a tile of outputs, rounded to float32; `sum` is [B,C,height,width], `weight_sum`
/// [height,width], of size scale times that of what the tiles lie in.
void add_tiles(const float* outputs, const float* weights, const Tile* tiles, std::int64_t count, std::int64_t scale,
               float* sum, float* weight_sum, std::int64_t planes, Size size, void* stream);
void divide_by_weights(float* sum, const float* weight_sum, std::int64_t planes, Size size, void* stream);

/// whole[:, :, y : y + own.height, x : x + own.width] = part[:, :, own]
void paste(const float* part, Size part_size, const Tile& own, float* whole, Size whole_size, std::int64_t y,
           std::int64_t x, std::int64_t planes, void* stream);

}  // namespace diffbir::cuda
