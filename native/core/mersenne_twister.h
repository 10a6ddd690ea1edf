#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace diffbir {

/// MT19937 (Matsumoto & Nishimura 1998): the words of std::mt19937, which come in spans here, and a whole state of them
/// is made at once by loops that vectorise.
class MersenneTwister {
 public:
  explicit MersenneTwister(std::uint32_t seed);

  /// The next word.
  std::uint32_t operator()() { return take(1).front(); }

  /// The next words: at least one, at most `most`, which is at least one. They stay until the next call.
  std::span<const std::uint32_t> take(std::size_t most);

 private:
  static constexpr std::size_t kSize = 624;
  void refill();

  std::array<std::uint32_t, kSize> state_;
  std::array<std::uint32_t, kSize> words_;
  std::size_t taken_ = kSize;
};

}  // namespace diffbir
