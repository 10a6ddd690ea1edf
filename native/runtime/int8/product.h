#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "graph/ort.h"
#include "runtime/int8/kernel.h"
#include "runtime/parallel_for.h"
#include "runtime/row_math.h"

namespace diffbir::runtime::int8 {

/// One group of a row of activations: its bytes and how to read them.
struct Group {
  const std::uint8_t* bytes;
  Affine affine;
};

/// Rows whose sums are made before those of the next panel, so that weights and sums stay in the processor's caches.
constexpr std::size_t rows_of_task = 48;

/// Weights of more bytes than this are not expected to stay in a core's cache while a block of rows passes all panels:
/// then all blocks of rows pass one panel before the next.
constexpr std::size_t resident_bytes = std::size_t{4} << 20;

/// The rows of activations that a product has. In pairs, the second half are the differences of rows from those of the
/// first half, in the same order, and so are their products.
struct Rows {
  std::size_t count;
  bool paired;

  /// Rows without a base; all others follow them.
  std::size_t first_half() const noexcept { return paired ? count / 2 : count; }
};

/// The product of rows of activations with packed weights, in parallel over blocks of rows and panels:
/// group_of(row, tap, group) gives the activations, store(first_row, count, panel, sums) takes the results, of the
/// second half of pairs already with their base, where sums[0][r * panel_width + output] belongs to row first_row + r,
/// and sums[1] to the panel that is half of all panels further on, with `panels_at_once` of 2.
template <std::size_t panels_at_once, typename GroupOf, typename Store>
class Product {
 public:
  using Sums = float[panels_at_once][rows_of_task * Int8Weights::panel_width];

  Product(const Int8Weights& weights, const Kernels& kernels, Rows rows, GroupOf group_of, Store store)
      : weights_(weights), kernels_(kernels), rows_(rows), group_of_(group_of), store_(store) {}

  void run(const Ort::KernelContext& context) const {
    const std::size_t blocks = (rows_.first_half() + rows_of_block() - 1) / rows_of_block();
    parallel_for(context, blocks * panels(), [this, blocks](std::size_t task) {
      const auto [block, panel] = weights_.size() * weights_.taps() > resident_bytes
                                      ? std::pair{task % blocks, task / blocks}
                                      : std::pair{task / panels(), task % panels()};
      run_task(block * rows_of_block(), panel);
    });
  }

 private:
  std::size_t panels() const { return weights_.panels() / panels_at_once; }
  /// Of the first half: a task has both rows of its pairs.
  std::size_t rows_of_block() const { return rows_.paired ? rows_of_task / 2 : rows_of_task; }

  void run_task(std::size_t first, std::size_t panel) const {
    const std::size_t count = std::min(rows_of_block(), rows_.first_half() - first);
    alignas(64) Sums sums = {};
    for (std::size_t i = 0; i < panels_at_once; ++i) {
      multiply(panel + i * panels(), first, count, sums[i]);
      if (!rows_.paired) continue;
      const std::size_t half = count * Int8Weights::panel_width;
      accumulate(sums[i], sums[i] + half, half);
    }
    store(first, count, panel, sums, 0);
    if (rows_.paired) store(rows_.first_half() + first, count, panel, sums, count);
  }

  void store(std::size_t first, std::size_t count, std::size_t panel, const Sums& sums, std::size_t row) const {
    std::array<const float*, panels_at_once> results;
    for (std::size_t i = 0; i < panels_at_once; ++i) results[i] = sums[i] + row * Int8Weights::panel_width;
    store_(first, count, panel, results);
  }

  void multiply(std::size_t panel, std::size_t first, std::size_t count, float* sums) const {
    for (std::size_t tap = 0; tap < weights_.taps(); ++tap) {
      for (std::size_t group = 0; group < weights_.groups_per_tap(); ++group) {
        Tile tile;
        tile.weights = weights_.bytes(panel, tap, group);
        tile.weight_scales = weights_.scales(panel, tap, group);
        tile.weight_sums = weights_.sums(panel, tap, group);
        tile.group = weights_.group();
        const auto add_rows = [&](std::size_t first_row, float* sums_of_rows) {
          for (std::size_t row = 0; row < count; row += rows_at_once) {
            tile.count = std::min(rows_at_once, count - row);
            bool is_zero = true;  // as around a picture, and where the two of a pair are the same
            for (std::size_t r = 0; r < tile.count; ++r) {
              const Group activations = group_of_(first_row + row + r, tap, group);
              tile.rows[r] = activations.bytes;
              tile.affine[r] = activations.affine;
              is_zero &= activations.affine.scale == 0 && activations.affine.offset == 0;
            }
            if (!is_zero) kernels_.multiply(tile, sums_of_rows + row * Int8Weights::panel_width);
          }
        };
        add_rows(first, sums);
        if (rows_.paired) add_rows(rows_.first_half() + first, sums + count * Int8Weights::panel_width);
      }
    }
  }

  const Int8Weights& weights_;
  const Kernels& kernels_;
  Rows rows_;
  GroupOf group_of_;
  Store store_;
};

template <std::size_t panels_at_once, typename GroupOf, typename Store>
Product<panels_at_once, GroupOf, Store> product(const Int8Weights& weights, const Kernels& kernels, Rows rows,
                                                GroupOf group_of, Store store) {
  return {weights, kernels, rows, group_of, store};
}

/// Whether the second half of a batch is computed as the difference from the first: an operator's input, 1 or 0.
inline bool is_paired(const Ort::KernelContext& context, std::size_t input) {
  return context.GetInputCount() > input && *context.GetInput(input).GetTensorData<std::int64_t>() != 0;
}

}  // namespace diffbir::runtime::int8
