#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/noise.h"
#include "core/tensor.h"

namespace diffbir {

class TorchGenerator;

/// Fresh N(0,1) numbers of a seed.
using SeededNormals = std::function<std::vector<float>(std::size_t count, std::uint32_t seed)>;

/// A Brownian motion W on [start, end] with W(start) = 0 that answers for any time in any order, always with the same
/// path: a binary tree of bisected intervals, each midpoint drawn from the Brownian bridge with a seed of its own
/// ("virtual Brownian tree", Gaines & Lyons 1997; Li et al. 2020). Numbers and seeds are those of torchsde's
/// BrownianTree with tol 1e-6, pool size 24 and a halfway tree (behaviour.md C.3): times are rounded to 6 decimals.
/// A time costs a draw of the shape for each bisection, at most about log2((end - start) / 1e-6). The intervals around
/// the last time are kept, two tensors of the shape each and kKept bytes at most (but two intervals always), so that a
/// time draws only from where its way leaves that of the one before. Numbers are the same in any order.
class BrownianTree {
 public:
  /// Throws Error(internal) unless 0 <= start < end, also when rounded.
  BrownianTree(Shape shape, double start, double end, std::uint64_t entropy, SeededNormals normals);

  /// (W(to) - W(from)) / sqrt(|to - from|): an increment of unit variance. Times beyond the ends count as the ends.
  /// Throws Error(internal) when both are equal.
  Tensor increment(double from, double to);

 private:
  static constexpr std::size_t kKept = std::size_t{32} << 20;

  struct Interval {
    double start;
    double end;
    std::uint64_t key;
    std::uint64_t depth;
    std::vector<float> passed;  // W at the start
    std::vector<float> inside;  // the increment over the interval
  };

  struct Known {
    double time = -1;
    Tensor value;
  };

  /// W(time), for a rounded time.
  const Tensor& at(double time);
  Tensor descend(double time);
  Interval root() const;
  /// Becomes its half that begins before or at `time`, and ends behind it.
  void halve(Interval& interval, double time) const;

  Shape shape_;
  double start_;  // both rounded
  double end_;
  std::uint64_t entropy_;
  SeededNormals normals_;
  std::vector<Interval> path_;  // each inside the one before, the first is the root
  std::array<Known, 2> known_;  // a step begins where the one before ended
  std::size_t oldest_ = 0;
};

/// The increments of a tree whose entropy is drawn once: torch.randint(0, 2^63 - 1), as the reference does.
BrownianNoise brownian_noise(const Shape& shape, float sigma_min, float sigma_max, std::vector<NoiseStep> steps,
                             TorchGenerator& generator, SeededNormals normals);

}  // namespace diffbir
