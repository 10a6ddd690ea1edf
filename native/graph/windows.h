#pragma once

#include <cstdint>
#include <optional>

#include "core/tensor.h"
#include "graph/builder.h"

namespace diffbir::graph {

/// How feature maps [B, h, w, C] are cut into square windows.
struct WindowGrid {
  std::int64_t window;  // side in tokens
  Size batch;           // B
  Size height;          // h
  Size width;           // w
  Size across;          // w / window
};

/// Feature maps in square windows, and in windows that are shifted by half their side (Liu et al. 2021, section 3.2).
/// What the shifted ones need is made where it is first asked for. Lives no longer than its builder.
class Windows {
 public:
  /// `masked`: what is added to the logits of two tokens of a shifted window that do not come from the same region.
  Windows(Builder& b, const WindowGrid& grid, float masked) : b_(b), grid_(grid), masked_(masked) {}
  /// Of maps as large as x [B, C, h, w].
  static Windows of(Builder& b, const Value& x, std::int64_t window, float masked);

  /// [B, h, w, C] -> [B nW, window^2, C], windows row-major.
  Value partition(const Value& x, std::int64_t channels) const { return partition(grid_, x, channels); }
  /// The inverse.
  Value reverse(const Value& windows, std::int64_t channels) const { return reverse(grid_, windows, channels); }
  /// Cyclic shift of [B, h, w, C] by half a window, up and to the left, and back.
  Value roll(const Value& x) const { return roll(x, -grid_.window / 2); }
  Value roll_back(const Value& x) const { return roll(x, grid_.window / 2); }

  /// The same two shifts of what is partitioned.
  Value shifted(const Value& windows, std::int64_t channels);
  Value shifted_back(const Value& windows, std::int64_t channels);

  /// shifted_window_mask() of the map, [nW, 1, window^2, window^2] in float32.
  const Value& mask();
  /// How many windows there are down and across, [2].
  const Value& sides();

  const Size& pictures() const { return grid_.batch; }
  std::int64_t window() const { return grid_.window; }
  float masked() const { return masked_; }

 private:
  Value partition(const WindowGrid& grid, const Value& x, std::int64_t channels) const;
  Value reverse(const WindowGrid& grid, const Value& windows, std::int64_t channels) const;
  Value roll(Value x, std::int64_t shift) const;
  /// Where each token of the rolled map stands among those of the windows, [h w].
  Value order(std::int64_t shift) const;
  Value reordered(const Value& windows, const Value& order, std::int64_t channels) const;
  /// 1 for the last of so many windows, 0 for the others.
  Value is_last(const Size& count) const;
  Size down() const { return b_.divide(grid_.height, grid_.window); }

  Builder& b_;
  WindowGrid grid_;
  float masked_;
  std::optional<Value> order_, order_back_, mask_, sides_;
};

/// Mask of shifted-window attention for h x w tokens: [h w / window^2, 1, window^2, window^2], 0 where two tokens come
/// from the same region of the unshifted map, else `masked` (added to the logits).
Tensor shifted_window_mask(std::int64_t h, std::int64_t w, std::int64_t window, float masked);

}  // namespace diffbir::graph
