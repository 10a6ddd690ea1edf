#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/noise.h"
#include "core/philox.h"
#include "core/rng.h"

namespace diffbir {

/// Whose numbers `rng: 'cuda'` gives where there is no card to ask.
inline constexpr PhiloxCard h100{132, 2048};

/// The numbers of torch's CUDA generator after torch.manual_seed(seed), draw for draw, made on the host: those of a
/// card but for the last bits (philox.h).
class CudaGenerator {
 public:
  CudaGenerator(std::uint64_t seed, PhiloxCard card) : seed_(seed), card_(card) {}

  /// torch.randn(count, device="cuda"): float32 N(0,1).
  std::vector<float> randn(std::size_t count);

 private:
  std::uint64_t seed_;
  PhiloxCard card_;
  std::uint64_t offset_ = 0;
};

/// The noise of a run of the reference on a card.
class CudaNoise : public NoiseSource {
 public:
  CudaNoise(std::uint64_t seed, PhiloxCard card) : generator_(seed, card), host_generator_(seed), card_(card) {}
  Tensor randn(const Shape& shape) override;
  /// The reference draws the entropy of the tree from torch's CPU generator on a card, too, and the tree's numbers on
  /// the card.
  BrownianNoise brownian(const Shape& shape, float sigma_min, float sigma_max, std::vector<NoiseStep> steps) override;

 private:
  CudaGenerator generator_;
  TorchGenerator host_generator_;
  PhiloxCard card_;
};

}  // namespace diffbir
