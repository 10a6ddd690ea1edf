#include "core/cuda_rng.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "core/brownian.h"
#include "core/normals.h"

namespace diffbir {

namespace {

/// What PhiloxDraw::write() does for a block of threads in a round, with arithmetic that vectorises.
void write_block(const PhiloxDraw& draw, std::int64_t first_thread, std::int64_t round, std::span<float> out) {
  constexpr auto block = static_cast<std::size_t>(PhiloxDraw::block);
  std::array<std::array<std::uint32_t, block>, PhiloxDraw::numbers> words;
  std::array<std::array<float, block>, PhiloxDraw::numbers> normals;
  for (std::size_t i = 0; i < block; ++i) {
    const PhiloxWords drawn = draw.words(first_thread + static_cast<std::int64_t>(i), round);
    for (std::size_t k = 0; k < words.size(); ++k) words[k][i] = drawn.word[k];
  }
  normals_from_words(words[0], words[1], normals[0].data(), normals[1].data());
  normals_from_words(words[2], words[3], normals[2].data(), normals[3].data());
  for (std::int64_t k = 0; k < PhiloxDraw::numbers; ++k) {
    const auto first = static_cast<std::size_t>((round * PhiloxDraw::numbers + k) * draw.threads + first_thread);
    if (first >= out.size()) return;
    std::copy_n(normals[static_cast<std::size_t>(k)].begin(), std::min(block, out.size() - first),
                out.begin() + static_cast<std::ptrdiff_t>(first));
  }
}

}  // namespace

std::vector<float> CudaGenerator::randn(std::size_t count) {
  std::vector<float> normals(count);
  if (count == 0) return normals;
  const PhiloxDraw draw(seed_, offset_, static_cast<std::int64_t>(count), card_);
  for (std::int64_t round = 0; round < draw.rounds(); ++round) {
    for (std::int64_t thread = 0; thread < draw.threads; thread += PhiloxDraw::block) {
      write_block(draw, thread, round, normals);
    }
  }
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
