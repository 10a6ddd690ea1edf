#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "core/tensor.h"

namespace diffbir {

/// Where the noise of a degradation comes from: a generator, or a recording that is to be repeated.
class NoiseDraws {
 public:
  virtual ~NoiseDraws() = default;
  /// N(0,1).
  virtual Tensor normal(const Shape& shape) = 0;
  /// One Poisson count for each rate in [0, 256].
  virtual Tensor poisson(const Tensor& rates) = 0;
};

/// Draws from a generator: normals as torch.randn, counts by inversion of the distribution, one torch.rand each
/// (torch's own sequence of counts is not reproduced; behaviour.md 8).
class GeneratedDraws : public NoiseDraws {
 public:
  explicit GeneratedDraws(TorchGenerator& generator) : generator_(&generator) {}
  Tensor normal(const Shape& shape) override;
  Tensor poisson(const Tensor& rates) override;

 private:
  TorchGenerator* generator_;
};

/// Answers with given tensors in their order. Throws Error(invalid_option) when they are used up or the next has
/// another shape.
class RecordedDraws : public NoiseDraws {
 public:
  explicit RecordedDraws(std::vector<Tensor> draws) : draws_(std::move(draws)) {}
  Tensor normal(const Shape& shape) override { return next(shape); }
  Tensor poisson(const Tensor& rates) override { return next(rates.shape()); }

 private:
  Tensor next(const Shape& shape);

  std::vector<Tensor> draws_;
  std::size_t next_ = 0;
};

}  // namespace diffbir
