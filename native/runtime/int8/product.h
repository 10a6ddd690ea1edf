#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "graph/ort.h"
#include "runtime/int8/kernel.h"
#include "runtime/parallel_for.h"

namespace diffbir::runtime::int8 {

/// One group of a row of activations: its bytes and how to read them.
struct Group {
  const std::uint8_t* bytes;
  Affine affine;
};

/// Rows whose sums are made before those of the next panel, so that weights and sums stay in the processor's caches.
constexpr std::size_t rows_of_task = 48;

/// The product of `rows` rows of activations with packed weights, in parallel over blocks of rows and panels:
/// group_of(row, tap, group) gives the activations, store(first_row, count, panel, sums) takes the results, where
/// sums[r * panel_width + output] belongs to row first_row + r.
template <typename GroupOf, typename Store>
class Product {
 public:
  Product(const Int8Weights& weights, const Kernels& kernels, std::size_t rows, GroupOf group_of, Store store)
      : weights_(weights), kernels_(kernels), rows_(rows), group_of_(group_of), store_(store) {}

  void run(const Ort::KernelContext& context) const {
    const std::size_t blocks = (rows_ + rows_of_task - 1) / rows_of_task;
    parallel_for(context, blocks * weights_.panels(), [this](std::size_t task) { run_task(task); });
  }

 private:
  void run_task(std::size_t task) const {
    const std::size_t panel = task % weights_.panels();
    const std::size_t first = task / weights_.panels() * rows_of_task;
    const std::size_t count = std::min(rows_of_task, rows_ - first);
    alignas(64) float sums[rows_of_task * Int8Weights::panel_width] = {};
    for (std::size_t tap = 0; tap < weights_.taps(); ++tap) {
      for (std::size_t group = 0; group < weights_.groups_per_tap(); ++group) {
        Tile tile;
        tile.weights = weights_.bytes(panel, tap, group);
        tile.weight_scales = weights_.scales(panel, tap, group);
        tile.weight_sums = weights_.sums(panel, tap, group);
        tile.group = weights_.group();
        for (std::size_t row = 0; row < count; row += rows_at_once) {
          tile.count = std::min(rows_at_once, count - row);
          bool is_zero = true;  // as around a picture, and where the two of a pair are the same
          for (std::size_t r = 0; r < tile.count; ++r) {
            const Group activations = group_of_(first + row + r, tap, group);
            tile.rows[r] = activations.bytes;
            tile.affine[r] = activations.affine;
            is_zero &= activations.affine.scale == 0 && activations.affine.offset == 0;
          }
          if (!is_zero) kernels_.multiply(tile, sums + row * Int8Weights::panel_width);
        }
      }
    }
    store_(first, count, panel, sums);
  }

  const Int8Weights& weights_;
  const Kernels& kernels_;
  std::size_t rows_;
  GroupOf group_of_;
  Store store_;
};

/// Whether the second half of a batch is computed as the difference from the first: an operator's input, 1 or 0.
inline bool is_paired(const Ort::KernelContext& context, std::size_t input) {
  return context.GetInputCount() > input && *context.GetInput(input).GetTensorData<std::int64_t>() != 0;
}

/// values[i] += base[i], in parallel: the second half, of which the differences are there, by the first.
inline void add_base(const Ort::KernelContext& context, const float* base, float* values, std::size_t count) {
  parallel_rows(context, count, 1, [=](std::size_t first, std::size_t some) {
    for (std::size_t i = first; i < first + some; ++i) values[i] += base[i];
  });
}

}  // namespace diffbir::runtime::int8
