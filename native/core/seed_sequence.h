#pragma once

#include <cstdint>
#include <span>

namespace diffbir {

/// The first 32-bit word of numpy's SeedSequence(entropy, spawn_key=key, pool_size=24).generate_state(n), which is the
/// same for every n. Numbers above 32 bits are taken apart into words, low word first, as numpy does.
/// The hash is M. E. O'Neill's seed_seq alternative ("Developing a seed_seq Alternative", 2015; numpy NEP 19).
std::uint32_t seed_sequence_word(std::uint64_t entropy, std::span<const std::uint64_t> spawn_key = {});

}  // namespace diffbir
