#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/tensor.h"
#include "imaging/tile.h"

namespace diffbir {

/// How large tiles are and how far apart they start; stride < tile makes them overlap.
struct TileSize {
  std::int64_t tile;
  std::int64_t stride;
};

/// Where the weight of a tile peaks. The reference puts it half a row too low (behaviour.md 2.5); parity needs that.
enum class BlendCentre { middle, reference };

/// Tiles that cover height x width: starts 0, S, 2S, ... while they fit, and one flush with the far border
/// (behaviour.md 2.5). Row-major. An axis shorter than the tile gets one tile of its own length.
/// Throws Error(invalid_option) unless 1 <= stride <= tile: a larger stride would leave gaps.
std::vector<Tile> sliding_windows(std::int64_t height, std::int64_t width, TileSize size);

/// Weights of one tile [height, width], row-major: a Gaussian of deviation n / 10 along each axis of length n
/// (mixture of diffusers, Jimenez 2023; behaviour.md 2.5).
std::vector<double> gaussian_weights(std::int64_t height, std::int64_t width, BlendCentre centre);

/// Computes the outputs of n tiles of one size from where they lie in the input: [n B,C',scale h,scale w], tile after
/// tile.
using TileFunction = std::function<Tensor(std::span<const Tile> tiles)>;

/// Blends the tiles of an input of height x width into [B,C',scale height,scale width] by their Gaussian weights. The
/// function gets at most `batch` tiles at a time, about as many each time; on a GPU exactly as many, some of them
/// twice, since its networks plan their convolutions anew for each number.
Tensor blend_tiles(std::int64_t height, std::int64_t width, TileSize size, std::int64_t batch, std::int64_t scale,
                   BlendCentre centre, const TileFunction& tile_outputs);

/// x[:, :, y : y + height, x : x + width]
Tensor cut(const Tensor& x, const Tile& tile);

/// Tiles of one size of x [B,C,H,W], one after the other: [n B,C,h,w].
Tensor cut(const Tensor& x, std::span<const Tile> tiles);

/// whole[:, :, y :, x :] = part, as far as the part goes.
void paste(Tensor& whole, const Tensor& part, std::int64_t y, std::int64_t x);

}  // namespace diffbir
