#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

/// Picture operators as OpenCV 4 has them, number by number, since RetinaFace's helper library is built on them
/// (behaviour.md 9).
namespace diffbir::cv {

struct Point {
  double x;
  double y;
};

/// x' = xx x + xy y + x0, y' = yx x + yy y + y0: a 2x3 matrix, row by row.
struct Affine {
  double xx, xy, x0;
  double yx, yy, y0;

  Point operator()(Point p) const { return {xx * p.x + xy * p.y + x0, yx * p.x + yy * p.y + y0}; }
};

/// The way back (invertAffineTransform). All zeros where there is none.
Affine inverse(const Affine& m);

/// Two points by their numbers.
using Pair = std::array<std::size_t, 2>;

/// The similarity (turn, uniform scale, shift) that takes `from` to `to`, which have as many points, 2 to 64, as
/// estimateAffinePartial2D(method=LMEDS) gives it: of the similarities through the `tried` pairs the one of the least
/// median squared distance, the points that lie within 2.5 robust standard deviations of it, and their least-squares
/// similarity. Empty `tried`: every pair, in order; OpenCV tries a few that it draws. All zeros where no two points of
/// `from` differ. Throws Error(internal) for other numbers of points.
Affine estimate_similarity(std::span<const Point> from, std::span<const Point> to, std::span<const Pair> tried = {});

}  // namespace diffbir::cv
