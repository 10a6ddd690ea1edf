#pragma once

#include <cstdint>

#include "core/host_device.h"

namespace diffbir {

/// Count, mean and sum of squared differences from the mean of some numbers.
struct Moments {
  double count = 0;
  double mean = 0;
  double m2 = 0;

  DIFFBIR_HOST_DEVICE double variance() const { return count > 0 ? m2 / count : 0; }
};

/// The moments of two sets together, the spread between their means included (Chan et al. 1979).
DIFFBIR_HOST_DEVICE inline Moments merge(const Moments& a, const Moments& b) {
  const double count = a.count + b.count;
  if (count == 0) return {};
  const double delta = b.mean - a.mean;
  return {count, a.mean + delta * b.count / count, a.m2 + b.m2 + delta * delta * a.count * b.count / count};
}

/// The same with that spread left out: the average of the two variances (behaviour.md 6.4).
DIFFBIR_HOST_DEVICE inline Moments merge_without_spread(const Moments& a, const Moments& b) {
  const double count = a.count + b.count;
  if (count == 0) return {};
  return {count, a.mean + (b.mean - a.mean) * b.count / count, a.m2 + b.m2};
}

// For for_each_index() of core/each.h.

struct CopyMoments {
  const Moments* from;
  Moments* to;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const { to[i] = from[i]; }
};

/// Those of all tiles, in the order of the tiles.
struct PoolMoments {
  const Moments* of_tiles;  // [tiles, count]
  std::int64_t tiles, count;
  bool with_spread;  // of the tiles' means
  Moments* out;      // [count]

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    Moments all;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const Moments& own = of_tiles[tile * count + i];
      all = with_spread ? merge(all, own) : merge_without_spread(all, own);
    }
    out[i] = all;
  }
};

/// The rows and columns of a feature map that count in its moments.
struct Region {
  std::int64_t top, left, bottom, right;

  DIFFBIR_HOST_DEVICE std::int64_t height() const { return bottom - top; }
  DIFFBIR_HOST_DEVICE std::int64_t width() const { return right - left; }
};

}  // namespace diffbir
