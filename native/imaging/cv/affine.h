#pragma once

#include <array>
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

/// The similarity (turn, uniform scale, shift) that takes `from` to `to`, which have as many points, 2 to 64, as
/// estimateAffinePartial2D(method=LMEDS) gives it: the median squared distance is the least of all similarities through
/// two of the points, those points that lie within 2.5 robust standard deviations of it count, and what is given back
/// is their least-squares similarity. OpenCV tries 13 random pairs; here it is every pair, in order. All zeros where no
/// two points of `from` differ. Throws Error(internal) for other numbers of points.
Affine estimate_similarity(std::span<const Point> from, std::span<const Point> to);

}  // namespace diffbir::cv
