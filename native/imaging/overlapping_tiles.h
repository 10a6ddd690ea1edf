#pragma once

#include <cstdint>
#include <vector>

#include "imaging/tiling.h"

namespace diffbir {

/// One tile of a picture that is cut without blending: what goes into the network, and which part of it, its own, is
/// kept.
struct OverlappingTile {
  Tile input;  // own, and up to `overlap` more on each side
  Tile own;    // the own parts of all tiles cover the picture once
};

/// Cuts height x width into tiles of about `tile`, padded by `overlap` of their neighbours (behaviour.md 6.2 and 6.3:
/// the outer `overlap` of the picture belongs to the border tiles, and the rest is shared out evenly). Row-major; one
/// tile where the picture is no larger than tile + 2 overlap.
std::vector<OverlappingTile> overlapping_tiles(std::int64_t height, std::int64_t width, std::int64_t tile,
                                               std::int64_t overlap);

}  // namespace diffbir
