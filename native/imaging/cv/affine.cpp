#include "imaging/cv/affine.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "core/error.h"

namespace diffbir::cv {

namespace {

constexpr std::size_t most_points = 64;

/// x' = a x - b y + x0, y' = b x + a y + y0
Affine similarity(double a, double b, double x0, double y0) { return {a, -b, x0, b, a, y0}; }

/// The least-squares similarity of the chosen points; all zeros where they have no extent.
Affine least_squares(std::span<const Point> from, std::span<const Point> to, const std::vector<std::size_t>& chosen) {
  Point f{0, 0};
  Point t{0, 0};
  const auto count = static_cast<double>(chosen.size());
  for (const std::size_t i : chosen) {
    f = {f.x + from[i].x / count, f.y + from[i].y / count};
    t = {t.x + to[i].x / count, t.y + to[i].y / count};
  }
  double extent = 0;
  double along = 0;
  double across = 0;
  for (const std::size_t i : chosen) {
    const Point p{from[i].x - f.x, from[i].y - f.y};
    const Point q{to[i].x - t.x, to[i].y - t.y};
    extent += p.x * p.x + p.y * p.y;
    along += p.x * q.x + p.y * q.y;
    across += p.x * q.y - p.y * q.x;
  }
  if (!(extent > 0)) return {};
  const double a = along / extent;
  const double b = across / extent;
  return similarity(a, b, t.x - a * f.x + b * f.y, t.y - b * f.x - a * f.y);
}

std::vector<double> squared_distances(const Affine& m, std::span<const Point> from, std::span<const Point> to) {
  std::vector<double> distances;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const Point p = m(from[i]);
    distances.push_back((p.x - to[i].x) * (p.x - to[i].x) + (p.y - to[i].y) * (p.y - to[i].y));
  }
  return distances;
}

std::vector<Pair> all_pairs(std::size_t count) {
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) pairs.push_back({i, j});
  }
  return pairs;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

Affine inverse(const Affine& m) {
  const double determinant = m.xx * m.yy - m.xy * m.yx;
  const double d = determinant != 0 ? 1 / determinant : 0;
  const double xx = m.yy * d;
  const double xy = -m.xy * d;
  const double yx = -m.yx * d;
  const double yy = m.xx * d;
  return {xx, xy, -xx * m.x0 - xy * m.y0, yx, yy, -yx * m.x0 - yy * m.y0};
}

Affine estimate_similarity(std::span<const Point> from, std::span<const Point> to, std::span<const Pair> tried) {
  const std::size_t count = from.size();
  if (count != to.size() || count < 2 || count > most_points) {
    throw Error(ErrorCode::internal, "Expected 2 to 64 pairs of points but received " + std::to_string(count));
  }
  const std::vector<Pair> all = tried.empty() ? all_pairs(count) : std::vector<Pair>(tried.begin(), tried.end());
  Affine best{};
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [i, j] : all) {
    const Affine m = least_squares(from, to, {i, j});
    const double value = median(squared_distances(m, from, to));
    if ((m.xx == 0 && m.xy == 0) || !(value < least)) continue;
    least = value;
    best = m;
  }
  if (!std::isfinite(least)) return {};

  // The standard deviation from the median (Rousseeuw & Leroy 1987), never less than OpenCV's floor.
  const double spread = 2.5 * 1.4826 * (1 + 5.0 / std::max(static_cast<double>(count) - 2, 1.0)) * std::sqrt(least);
  const double limit = std::max(spread, 0.001);
  const std::vector<double> distances = squared_distances(best, from, to);
  std::vector<std::size_t> inliers;
  for (std::size_t i = 0; i < count; ++i) {
    if (distances[i] <= limit * limit) inliers.push_back(i);
  }
  return inliers.size() < 2 ? best : least_squares(from, to, inliers);
}

}  // namespace diffbir::cv
