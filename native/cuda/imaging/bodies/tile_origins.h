#pragma once

#include <cstdint>

#include "imaging/tile.h"

namespace diffbir::bodies {

/// Where the tiles of one launch begin. They travel with the arguments of the kernel, since memory on the device would
/// have to be filled before each launch.
struct TileOrigins {
  static constexpr std::int64_t capacity = 64;
  std::int64_t count = 0;
  std::int64_t y[capacity];
  std::int64_t x[capacity];
};

/// Calls `some(origins, first)` with at most `capacity` tiles at a time, their places times `scale`.
template <typename Some>
void for_some_tiles(const Tile* tiles, std::int64_t count, std::int64_t scale, const Some& some) {
  for (std::int64_t first = 0; first < count; first += TileOrigins::capacity) {
    TileOrigins origins;
    for (; origins.count < TileOrigins::capacity && first + origins.count < count; ++origins.count) {
      const Tile& tile = tiles[first + origins.count];
      origins.y[origins.count] = tile.y * scale;
      origins.x[origins.count] = tile.x * scale;
    }
    some(origins, first);
  }
}

/// The smallest rectangle around tiles of this size.
inline Tile rectangle_around(const TileOrigins& origins, Size tile) {
  Tile around{origins.y[0], origins.x[0], 0, 0};
  std::int64_t bottom = 0;
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < origins.count; ++i) {
    around.y = origins.y[i] < around.y ? origins.y[i] : around.y;
    around.x = origins.x[i] < around.x ? origins.x[i] : around.x;
    bottom = origins.y[i] > bottom ? origins.y[i] : bottom;
    right = origins.x[i] > right ? origins.x[i] : right;
  }
  around.height = bottom + tile.height - around.y;
  around.width = right + tile.width - around.x;
  return around;
}

}  // namespace diffbir::bodies
