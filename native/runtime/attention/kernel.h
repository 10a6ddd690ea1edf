#pragma once

#include <cstddef>

namespace diffbir::runtime::attention {

/// Keys that are packed together, and queries that one call of attend() takes at most.
constexpr std::size_t keys_of_block = 64;
constexpr std::size_t queries_of_task = 48;

/// The innermost loops of softmax(q k^T) v for one head, with AVX-512. `width` is the head's, `stride` the distance of
/// two tokens, both in floats.
struct Kernels {
  /// Of the packed keys, or values, of one block; a multiple of 64.
  std::size_t (*block_bytes)(std::size_t width);
  /// Whether keys are packed relative to a centre [width], their mean: softmax does not see what all scores of a query
  /// have in common, and bytes need a range less.
  bool centres_keys;
  /// Packs `count` keys (or values) of a block; what is missing becomes 0. `centre` is not null where it is asked for.
  void (*pack_keys)(const float* keys, const float* centre, std::size_t stride, std::size_t count, std::size_t width,
                    void* packed);
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
/// q, k, v and the weights in bytes: each query, each key relative to the mean of all and each channel of the values of
/// a block has a scale of its own, and weights are relative to the largest of their block (compare Zhang et al. 2025,
/// "SageAttention"). Null where compiler or processor do not have AVX-512 VNNI and VBMI.
const Kernels* byte_kernels() noexcept;

}  // namespace diffbir::runtime::attention
