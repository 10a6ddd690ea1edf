#include "graph/windows.h"

#include <variant>
#include <vector>

namespace diffbir::graph {

namespace {

constexpr std::int64_t rest = -1;  // Reshape: whatever is left

/// A size as a tensor [1].
Value tensor_of(Builder& b, const Size& size) {
  const auto* const known = std::get_if<std::int64_t>(&size);
  return known ? b.integers({*known}) : std::get<Value>(size);
}

}  // namespace

Windows Windows::of(Builder& b, const Value& x, std::int64_t window, float masked) {
  const Size width = b.dim(x, 3);
  return {b, {window, b.dim(x, 0), b.dim(x, 2), width, b.divide(width, window)}, masked};
}

Value Windows::partition(const WindowGrid& grid, const Value& x, std::int64_t channels) const {
  const Value strips = b_.reshape(x, {rest, grid.window, grid.across, grid.window * channels});
  return b_.reshape(b_.transpose(strips, {0, 2, 1, 3}), {rest, grid.window * grid.window, channels});
}

Value Windows::reverse(const WindowGrid& grid, const Value& windows, std::int64_t channels) const {
  const Value strips = b_.reshape(windows, {rest, grid.across, grid.window, grid.window * channels});
  return b_.reshape(b_.transpose(strips, {0, 2, 1, 3}), {grid.batch, rest, grid.width, channels});
}

Value Windows::roll(Value x, std::int64_t shift) const {
  for (const std::int64_t axis : {1, 2}) {
    x = b_.concat({b_.slice(x, axis, -shift, INT64_MAX), b_.slice(x, axis, INT64_MIN, -shift)}, axis);
  }
  return x;
}

Value Windows::order(std::int64_t shift) const {
  // The numbers of tokens go the way that the tokens themselves would.
  WindowGrid one = grid_;
  one.batch = std::int64_t{1};
  const Value image = reverse(one, b_.range(grid_.height, grid_.width), 1);
  return b_.reshape(partition(one, roll(image, shift), 1), {rest});
}

Value Windows::reordered(const Value& windows, const Value& order, std::int64_t channels) const {
  const Value tokens = b_.reshape(windows, {grid_.batch, rest, channels});
  return b_.reshape(b_.gather(tokens, order, 1), {rest, grid_.window * grid_.window, channels});
}

Value Windows::shifted(const Value& windows, std::int64_t channels) {
  if (!order_) order_ = order(-grid_.window / 2);
  return reordered(windows, *order_, channels);
}

Value Windows::shifted_back(const Value& windows, std::int64_t channels) {
  if (!order_back_) order_back_ = order(grid_.window / 2);
  return reordered(windows, *order_back_, channels);
}

Value Windows::is_last(const Size& count) const {
  // Not by a division by the count: CUDA would have that copied to the GPU, and then records no graph.
  const Value others = b_.op("Sub", {tensor_of(b_, count), b_.integers({1})});
  return b_.concat({b_.op("Expand", {b_.integers({0}), others}), b_.integers({1})}, 0);
}

const Value& Windows::mask() {
  if (mask_) return *mask_;
  // Only the last windows of an axis see more than one region along it, so that four windows have all the masks.
  const Tensor kinds = shifted_window_mask(2 * grid_.window, 2 * grid_.window, grid_.window, masked_);
  const Value below = b_.reshape(b_.op("Mul", {is_last(down()), b_.integers({2})}), {rest, std::int64_t{1}});
  const Value kind = b_.reshape(b_.op("Add", {below, is_last(grid_.across)}), {rest});
  mask_ = b_.gather(b_.constant(kinds, Element::float32), kind);
  return *mask_;
}

const Value& Windows::sides() {
  if (!sides_) sides_ = b_.concat({tensor_of(b_, down()), tensor_of(b_, grid_.across)}, 0);
  return *sides_;
}

Tensor shifted_window_mask(std::int64_t h, std::int64_t w, std::int64_t window, float masked) {
  const std::int64_t shift = window / 2;
  // Cyclic shifting brings three regions together along each axis; only the last window sees more than one.
  const auto region = [&](std::int64_t position, std::int64_t size) {
    return position < size - window ? 0 : position < size - shift ? 1 : 2;
  };
  const std::int64_t tokens = window * window;
  const std::int64_t across = w / window;
  Tensor mask({h / window * across, 1, tokens, tokens});
  for (std::int64_t n = 0; n < mask.dim(0); ++n) {
    std::vector<std::int64_t> label;
    for (std::int64_t t = 0; t < tokens; ++t) {
      const std::int64_t y = n / across * window + t / window;
      const std::int64_t x = n % across * window + t % window;
      label.push_back(3 * region(y, h) + region(x, w));
    }
    float* values = mask.data() + n * tokens * tokens;
    for (std::int64_t p = 0; p < tokens; ++p) {
      for (std::int64_t q = 0; q < tokens; ++q) values[p * tokens + q] = label[p] == label[q] ? 0.0F : masked;
    }
  }
  return mask;
}

}  // namespace diffbir::graph
