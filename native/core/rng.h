#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/mersenne_twister.h"
#include "core/noise.h"
#include "core/tensor.h"

namespace diffbir {

/// The random numbers of torch's CPU generator after torch.manual_seed(seed), draw for draw (behaviour.md C.1): whoever
/// moves from Python gets the same picture for the same seed. Only the low 32 bits of the seed count, as in torch.
/// All are exact; randn_double and randn of fewer than 16 numbers, which go through the system's log, sin and cos, up
/// to their last bits.
class TorchGenerator {
 public:
  explicit TorchGenerator(std::uint64_t seed) : engine_(static_cast<std::uint32_t>(seed & 0xFFFFFFFFU)) {}

  /// The next 32 bits of the Mersenne Twister.
  std::uint32_t raw() { return engine_(); }

  /// torch.rand(count): float32 in [0, 1).
  std::vector<float> rand(std::size_t count);

  /// torch.randn(count): float32 N(0,1). Counts below 16 use another algorithm than larger ones, which keeps every
  /// second number for the next such call.
  std::vector<float> randn(std::size_t count);

  /// torch.randn(count, dtype=torch.float64), from uniforms of 53 bits.
  std::vector<double> randn_double(std::size_t count);

  /// Tensor.uniform_(low, high): float32 in [low, high).
  std::vector<float> uniform(float low, float high, std::size_t count);

  /// torch.randperm(count): the numbers below count in random order. Throws Error(invalid_option) unless 0 <= count,
  /// and count < 2^32 / 20, from where torch draws otherwise.
  std::vector<std::int64_t> randperm(std::int64_t count);

  /// torch.randint(low, high, count): int64 in [low, high). Throws Error(invalid_option) unless low < high.
  std::vector<std::int64_t> randint(std::int64_t low, std::int64_t high, std::size_t count);

 private:
  std::uint64_t raw64();
  double next_uniform();
  void fill_uniform(std::span<float> values);
  void fill_uniform(std::span<double> values);
  double scalar_normal();
  template <typename T>
  std::vector<T> normals(std::size_t count);

  MersenneTwister engine_;
  std::optional<double> spare_normal_;
};

/// The default noise: one generator per restoration, drawn on the host on every device. (CudaNoise: cuda_rng.h.)
class TorchNoise : public NoiseSource {
 public:
  explicit TorchNoise(std::uint64_t seed) : generator_(seed) {}
  Tensor randn(const Shape& shape) override;
  BrownianNoise brownian(const Shape& shape, float sigma_min, float sigma_max, std::vector<NoiseStep> steps) override;

 private:
  TorchGenerator generator_;
};

/// Answers with given tensors in their order (behaviour.md 0.3: parity with recorded runs), normal draws and Brownian
/// increments alike. Both throw Error(invalid_option) naming `noise` when they are used up or the next has another
/// shape.
class RecordedNoise : public NoiseSource {
 public:
  explicit RecordedNoise(std::vector<Tensor> draws) : draws_(std::move(draws)) {}
  Tensor randn(const Shape& shape) override;
  BrownianNoise brownian(const Shape& shape, float sigma_min, float sigma_max, std::vector<NoiseStep> steps) override;

 private:
  std::vector<Tensor> draws_;
  std::size_t next_ = 0;
};

}  // namespace diffbir
