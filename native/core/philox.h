#pragma once

#include <cmath>
#include <cstdint>

#include "core/host_device.h"

/// The random numbers of torch's CUDA generator (behaviour as of torch 2.0 to 2.13). C++17: nvcc reads it, too.
namespace diffbir {

struct PhiloxWords {
  std::uint32_t word[4];
};

/// Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): four random words of a counter
/// under a key, its low half first.
DIFFBIR_HOST_DEVICE inline PhiloxWords philox_4x32_10(PhiloxWords counter, std::uint64_t key) {
  auto key_low = static_cast<std::uint32_t>(key);
  auto key_high = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t first = std::uint64_t{0xD2511F53} * counter.word[0];
    const std::uint64_t second = std::uint64_t{0xCD9E8D57} * counter.word[2];
    counter = {
        {static_cast<std::uint32_t>(second >> 32) ^ counter.word[1] ^ key_low, static_cast<std::uint32_t>(second),
         static_cast<std::uint32_t>(first >> 32) ^ counter.word[3] ^ key_high, static_cast<std::uint32_t>(first)}};
    key_low += 0x9E3779B9;   // the golden ratio
    key_high += 0xBB67AE85;  // sqrt(3) - 1
  }
  return counter;
}

/// A random word as a number in (0, 1], and as an angle in (0, 2 pi].
DIFFBIR_HOST_DEVICE inline float fraction_of_word(std::uint32_t x) {
  constexpr float word = 0x1p-32F;
  return std::fma(static_cast<float>(x), word, word / 2);
}
DIFFBIR_HOST_DEVICE inline float angle_of_word(std::uint32_t y) {
  constexpr float angle = 0x1p-32F * 6.2831855F;
  return std::fma(static_cast<float>(y), angle, angle / 2);
}

/// Two independent N(0,1) numbers of two random words (Box & Muller 1958), in float32 and in cuRAND's order: the sine
/// first. The device takes the fast sine and cosine, as cuRAND does; the host's (normals.h) differ from them by about
/// 1e-6.
DIFFBIR_HOST_DEVICE inline void normals_of_words(std::uint32_t x, std::uint32_t y, float* normals) {
  const float v = angle_of_word(y);
  const float radius = std::sqrt(-2.0F * std::log(fraction_of_word(x)));
#ifdef __CUDA_ARCH__
  float sine;
  float cosine;
  __sincosf(v, &sine, &cosine);
#else
  const float sine = std::sin(v);
  const float cosine = std::cos(v);
#endif
  normals[0] = radius * sine;
  normals[1] = radius * cosine;
}

/// What torch's kernels know of a card: they start as many blocks of 256 threads as it runs at once, at most, and a
/// thread's number chooses its random numbers. So a seed gives other numbers on another card where there are more
/// numbers than threads.
struct PhiloxCard {
  std::int64_t multiprocessors;
  std::int64_t threads_per_multiprocessor;
};

/// torch.randn(count) of a CUDA generator, `count` >= 1.
struct PhiloxDraw {
  std::uint64_t seed;
  std::uint64_t offset;  // of the generator
  std::int64_t count;
  std::int64_t threads;

  static constexpr std::int64_t block = 256;
  static constexpr std::int64_t numbers = 4;  // that a thread draws at once

  PhiloxDraw(std::uint64_t from_seed, std::uint64_t from_offset, std::int64_t how_many, PhiloxCard card)
      : seed(from_seed), offset(from_offset), count(how_many) {
    const std::int64_t most_blocks = card.multiprocessors * (card.threads_per_multiprocessor / block);
    const std::int64_t blocks = (count + block - 1) / block;
    threads = block * (blocks < most_blocks ? blocks : most_blocks);
  }

  /// How often the threads draw.
  std::int64_t rounds() const { return (count - 1) / (threads * numbers) + 1; }

  /// The generator's offset after this draw.
  std::uint64_t next_offset() const { return offset + static_cast<std::uint64_t>(rounds() * numbers); }

  /// The words of a thread, 0 <= thread < threads, in a round, 0 <= round < rounds().
  DIFFBIR_HOST_DEVICE PhiloxWords words(std::int64_t thread, std::int64_t round) const {
    const auto place = static_cast<std::uint64_t>(thread);
    const std::uint64_t counter = offset / numbers + static_cast<std::uint64_t>(round);
    return philox_4x32_10({{static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32),
                            static_cast<std::uint32_t>(place), static_cast<std::uint32_t>(place >> 32)}},
                          seed);
  }

  /// The numbers of one draw of one thread, 0 <= i < threads rounds(), at their places in `out`.
  DIFFBIR_HOST_DEVICE void write(std::int64_t i, float* out) const {
    const PhiloxWords drawn = words(i % threads, i / threads);
    float normals[numbers];
    normals_of_words(drawn.word[0], drawn.word[1], normals);
    normals_of_words(drawn.word[2], drawn.word[3], normals + 2);
    const std::int64_t first = i / threads * threads * numbers + i % threads;
    for (std::int64_t k = 0; k < numbers && first + k * threads < count; ++k) out[first + k * threads] = normals[k];
  }
};

}  // namespace diffbir
