#pragma once

#include <cstddef>

namespace diffbir::runtime::attention {

/// Keys that are packed together, and queries that one call of attend() takes at most.
constexpr std::size_t keys_of_block = 64;
constexpr std::size_t queries_of_task = 48;

/// The innermost loops of softmax(q k^T) v for one head, with AVX-512. `width` is the head's, `stride` the distance of
/// two tokens, both in floats.
struct Kernels {
  std::size_t element;  // bytes of a packed number
  /// Packs `count` keys (or values) of a block into keys_of_block * width numbers; what is missing becomes 0.
  void (*pack_keys)(const float* keys, std::size_t stride, std::size_t count, std::size_t width, void* packed);
  void (*pack_values)(const float* values, std::size_t stride, std::size_t count, std::size_t width, void* packed);
  /// out = softmax(scale q k^T) v for `queries` queries and all blocks of keys, one block behind the other. Numbers
  /// that are not finite give results that are not.
  void (*attend)(const float* q, std::size_t stride, std::size_t queries, float scale, const void* keys,
                 const void* values, std::size_t key_count, std::size_t width, float* out);
};

/// Widths of a head that the kernels take.
constexpr bool takes(std::size_t width) { return width == 16 || width == 32 || width == 64; }

/// Null where compiler or processor do not have AVX-512.
const Kernels* float_kernels() noexcept;
/// q, k, v and the weights rounded to bfloat16, sums and softmax in float32; null where compiler or processor do not
/// have AVX-512 BF16.
const Kernels* bfloat16_kernels() noexcept;

}  // namespace diffbir::runtime::attention
