#include "core/brownian.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/rng.h"
#include "core/seed_sequence.h"

namespace diffbir {

namespace {

constexpr double kTicks = 1e6;  // a second of Brownian time has so many

/// To 6 decimals as Python's round does it: by the exact value. Midpoints lie between two ticks again and again, where
/// t * 1e6 rounded to double would decide at random; fma gives what that product lost.
double rounded(double time) {
  const double ticks = time * kTicks;
  const double lost = std::fma(time, kTicks, -ticks);
  const double whole = std::floor(ticks);
  const bool up = (ticks - whole - 0.5) + lost > 0;
  return (up ? whole + 1 : whole) / kTicks;
}

}  // namespace

BrownianTree::BrownianTree(Shape shape, double start, double end, std::uint64_t entropy, SeededNormals normals)
    : shape_(std::move(shape)),
      start_(rounded(start)),
      end_(rounded(end)),
      entropy_(entropy),
      normals_(std::move(normals)) {
  if (!(start_ >= 0 && start_ < end_)) {
    throw Error(ErrorCode::internal, "Expected two distinct times in ascending order for a Brownian motion");
  }
}

Tensor BrownianTree::increment(double from, double to) {
  if (from == to) throw Error(ErrorCode::internal, "Expected two distinct times for a Brownian increment");
  Tensor difference = at(rounded(to));
  const Tensor& before = at(rounded(from));
  const auto scale = static_cast<float>(std::sqrt(std::abs(to - from)));
  for (std::size_t i = 0; i < difference.size(); ++i) {
    difference.data()[i] = (difference.data()[i] - before.data()[i]) / scale;
  }
  return difference;
}

const Tensor& BrownianTree::at(double time) {
  const double inside = std::clamp(time, start_, end_);
  for (const Known& known : known_) {
    if (known.time == inside) return known.value;
  }
  Known& replaced = known_[oldest_];
  oldest_ = 1 - oldest_;
  replaced = {inside, descend(inside)};
  return replaced.value;
}

BrownianTree::Interval BrownianTree::root() const {
  const std::size_t count = element_count(shape_);
  Interval root{start_, end_, 0, 0, std::vector<float>(count), normals_(count, seed_sequence_word(entropy_))};
  const auto deviation = static_cast<float>(std::sqrt(end_ - start_));
  for (float& value : root.inside) value *= deviation;
  return root;
}

void BrownianTree::halve(Interval& interval, double time) const {
  auto& [start, end, key, depth, passed, inside] = interval;
  const double middle = rounded(0.5 * (start + end));
  const auto share = static_cast<float>((middle - start) / (end - start));
  const auto spread = static_cast<float>(std::sqrt((middle - start) * (end - middle) / (end - start)));
  const std::array spawn_key{key, depth};
  std::vector<float> left = normals_(inside.size(), seed_sequence_word(entropy_, spawn_key));
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = share * inside[i] + spread * left[i];
  const bool right = time >= middle;
  if (right) {
    for (std::size_t i = 0; i < left.size(); ++i) passed[i] += left[i];
    for (std::size_t i = 0; i < left.size(); ++i) inside[i] -= left[i];
    start = middle;
  } else {
    inside = std::move(left);
    end = middle;
  }
  key = 2 * key + (right ? 1 : 0);
  ++depth;
}

Tensor BrownianTree::descend(double time) {
  if (path_.empty()) path_.push_back(root());
  while (path_.size() > 1 && !(path_.back().start <= time && time < path_.back().end)) path_.pop_back();
  const std::size_t bytes = 2 * sizeof(float) * std::max<std::size_t>(1, path_.front().passed.size());
  const std::size_t most = std::max<std::size_t>(2, kKept / bytes);
  while (path_.back().start < time && time < path_.back().end) {
    if (path_.size() < most) path_.push_back(path_.back());
    halve(path_.back(), time);
  }
  Tensor value(shape_, path_.back().passed);
  if (time == path_.back().start) return value;
  const std::vector<float>& inside = path_.back().inside;  // time is the end of all
  for (std::size_t i = 0; i < inside.size(); ++i) value.data()[i] += inside[i];
  return value;
}

BrownianNoise brownian_noise(const Shape& shape, float sigma_min, float sigma_max, std::vector<NoiseStep> steps,
                             TorchGenerator& generator, SeededNormals normals) {
  const std::int64_t entropy = generator.randint(0, std::numeric_limits<std::int64_t>::max(), 1).front();
  const auto tree = std::make_shared<BrownianTree>(shape, sigma_min, sigma_max, static_cast<std::uint64_t>(entropy),
                                                   std::move(normals));
  return [tree, steps = std::move(steps), next = std::size_t{0}]() mutable {
    const auto& [sigma, sigma_next] = steps.at(next++);
    return tree->increment(sigma, sigma_next);
  };
}

}  // namespace diffbir
