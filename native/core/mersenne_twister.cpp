#include "core/mersenne_twister.h"

#include <algorithm>

namespace diffbir {

namespace {

constexpr std::size_t kShift = 397;

std::uint32_t twisted(std::uint32_t high, std::uint32_t low) {
  const std::uint32_t joined = (high & 0x80000000U) | (low & 0x7FFFFFFFU);
  return (joined >> 1) ^ ((0U - (low & 1U)) & 0x9908B0DFU);
}

std::uint32_t tempered(std::uint32_t word) {
  word ^= word >> 11;
  word ^= (word << 7) & 0x9D2C5680U;
  word ^= (word << 15) & 0xEFC60000U;
  return word ^ (word >> 18);
}

}  // namespace

MersenneTwister::MersenneTwister(std::uint32_t seed) {
  state_[0] = seed;
  for (std::uint32_t i = 1; i < kSize; ++i) {
    state_[i] = 1812433253U * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  }
}

std::span<const std::uint32_t> MersenneTwister::take(std::size_t most) {
  if (taken_ == kSize) refill();
  const auto taken = std::span(words_).subspan(taken_, std::min(most, kSize - taken_));
  taken_ += taken.size();
  return taken;
}

void MersenneTwister::refill() {
  // Two loops, since one that wraps around would not vectorise.
  for (std::size_t i = 0; i < kSize - kShift; ++i) state_[i] = state_[i + kShift] ^ twisted(state_[i], state_[i + 1]);
  for (std::size_t i = kSize - kShift; i < kSize - 1; ++i) {
    state_[i] = state_[i + kShift - kSize] ^ twisted(state_[i], state_[i + 1]);
  }
  state_.back() = state_[kShift - 1] ^ twisted(state_.back(), state_.front());
  for (std::size_t i = 0; i < kSize; ++i) words_[i] = tempered(state_[i]);
  taken_ = 0;
}

}  // namespace diffbir
