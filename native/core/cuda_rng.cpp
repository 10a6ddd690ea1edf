#include "core/cuda_rng.h"

#include <utility>

#include "core/brownian.h"

namespace diffbir {

std::vector<float> CudaGenerator::randn(std::size_t count) {
  std::vector<float> normals(count);
  if (count == 0) return normals;
  const PhiloxDraw draw(seed_, offset_, static_cast<std::int64_t>(count), card_);
  for (std::int64_t i = 0; i < draw.threads * draw.rounds(); ++i) draw.write(i, normals.data());
  offset_ = draw.next_offset();
  return normals;
}

Tensor CudaNoise::randn(const Shape& shape) { return Tensor(shape, generator_.randn(element_count(shape))); }

BrownianNoise CudaNoise::brownian(const Shape& shape, float sigma_min, float sigma_max, std::vector<NoiseStep> steps) {
  return brownian_noise(
      shape, sigma_min, sigma_max, std::move(steps), host_generator_,
      [card = card_](std::size_t count, std::uint32_t seed) { return CudaGenerator(seed, card).randn(count); });
}

}  // namespace diffbir
