#include "imaging/overlapping_tiles.h"

#include <algorithm>

namespace diffbir {
namespace {

/// The own and the padded stretch of one tile along one axis.
struct Stretch {
  std::int64_t own_begin, own_end, input_begin, input_end;
};

/// `length` rounded up to the largest of 32, 16, ..., 2 that still fits into `limit`.
std::int64_t rounded_up(std::int64_t length, std::int64_t limit) {
  for (std::int64_t divider = 32; divider >= 2; divider /= 2) {
    const std::int64_t candidate = (length + divider - 1) / divider * divider;
    if (candidate <= limit || candidate == length) return candidate;
  }
  return length;
}

std::vector<Stretch> stretches(std::int64_t length, std::int64_t tile, std::int64_t overlap) {
  const std::int64_t inner = std::max<std::int64_t>(1, length - 2 * overlap);
  const std::int64_t count = (inner + tile - 1) / tile;
  const std::int64_t step = rounded_up((inner + count - 1) / count, tile);
  std::vector<Stretch> result;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = overlap + i * step;
    const std::int64_t end = std::min(begin + step, length);
    if (i > 0 && result.back().own_end == length) break;
    result.push_back({i == 0 ? 0 : begin, end >= length - overlap ? length : end,
                      std::max<std::int64_t>(0, begin - overlap), std::min(length, end + overlap)});
  }
  return result;
}

}  // namespace

std::vector<OverlappingTile> overlapping_tiles(std::int64_t height, std::int64_t width, std::int64_t tile,
                                               std::int64_t overlap) {
  const Tile whole{0, 0, height, width};
  if (std::max(height, width) <= tile + 2 * overlap) return {{whole, whole}};
  std::vector<OverlappingTile> tiles;
  for (const Stretch& y : stretches(height, tile, overlap)) {
    for (const Stretch& x : stretches(width, tile, overlap)) {
      tiles.push_back({{y.input_begin, x.input_begin, y.input_end - y.input_begin, x.input_end - x.input_begin},
                       {y.own_begin, x.own_begin, y.own_end - y.own_begin, x.own_end - x.own_begin}});
    }
  }
  return tiles;
}

}  // namespace diffbir
