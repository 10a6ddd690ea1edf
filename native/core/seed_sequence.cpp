#include "core/seed_sequence.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace diffbir {

namespace {

constexpr std::size_t kPoolSize = 24;

/// Hashes one word after the other; every word changes how the next is hashed.
class Hash {
 public:
  Hash(std::uint32_t init, std::uint32_t multiplier) : state_(init), multiplier_(multiplier) {}

  std::uint32_t operator()(std::uint32_t word) {
    word ^= state_;
    state_ *= multiplier_;
    word *= state_;
    return word ^ (word >> 16);
  }

 private:
  std::uint32_t state_;
  std::uint32_t multiplier_;
};

std::uint32_t mix(std::uint32_t x, std::uint32_t y) {
  const std::uint32_t mixed = 0xCA01F9DDU * x - 0x4973F715U * y;
  return mixed ^ (mixed >> 16);
}

void append_words(std::vector<std::uint32_t>& words, std::uint64_t number) {
  do {
    words.push_back(static_cast<std::uint32_t>(number));
    number >>= 32;
  } while (number != 0);
}

std::vector<std::uint32_t> assemble(std::uint64_t entropy, std::span<const std::uint64_t> spawn_key) {
  std::vector<std::uint32_t> words;
  append_words(words, entropy);
  // The entropy fills the pool on its own, so that a spawn key never looks like more of it.
  words.resize(std::max(words.size(), kPoolSize));
  for (const std::uint64_t number : spawn_key) append_words(words, number);
  return words;
}

}  // namespace

std::uint32_t seed_sequence_word(std::uint64_t entropy, std::span<const std::uint64_t> spawn_key) {
  const auto words = assemble(entropy, spawn_key);
  Hash hash(0x43B0D7E5U, 0x931E8875U);
  std::array<std::uint32_t, kPoolSize> pool{};
  for (std::size_t i = 0; i < kPoolSize; ++i) pool[i] = hash(words[i]);
  for (std::size_t from = 0; from < kPoolSize; ++from) {
    for (std::size_t to = 0; to < kPoolSize; ++to) {
      if (from != to) pool[to] = mix(pool[to], hash(pool[from]));
    }
  }
  for (std::size_t from = kPoolSize; from < words.size(); ++from) {
    for (std::uint32_t& word : pool) word = mix(word, hash(words[from]));
  }
  return Hash(0x8B51F9DDU, 0x58F38DEDU)(pool.front());
}

}  // namespace diffbir
