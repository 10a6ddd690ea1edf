#include "nets/window_attention.h"

#include <optional>
#include <string>

#include "core/error.h"
#include "graph/plain_attention.h"

namespace diffbir::nets {

using graph::Builder;
using graph::Value;

namespace {

constexpr std::int64_t rest = -1;  // Reshape: whatever is left

}  // namespace

Value window_partition(Builder& b, const WindowGrid& grid, const Value& x, std::int64_t channels) {
  const Value strips = b.reshape(x, {rest, grid.window, grid.across, grid.window * channels});
  return b.reshape(b.transpose(strips, {0, 2, 1, 3}), {rest, grid.window * grid.window, channels});
}

Value window_reverse(Builder& b, const WindowGrid& grid, const Value& windows, std::int64_t channels) {
  const Value strips = b.reshape(windows, {rest, grid.across, grid.window, grid.window * channels});
  return b.reshape(b.transpose(strips, {0, 2, 1, 3}), {grid.batch, rest, grid.width, channels});
}

Value roll(Builder& b, Value x, std::int64_t shift) {
  for (const std::int64_t axis : {1, 2}) {
    x = b.concat({b.slice(x, axis, -shift, INT64_MAX), b.slice(x, axis, INT64_MIN, -shift)}, axis);
  }
  return x;
}

WindowOrders window_orders(Builder& b, const WindowGrid& grid, const graph::Size& height) {
  // The numbers of tokens go the way that the tokens themselves would.
  WindowGrid one = grid;
  one.batch = std::int64_t{1};
  const auto moved = [&](std::int64_t shift) {
    const Value image = window_reverse(b, one, b.range(height, grid.width), 1);
    return b.reshape(window_partition(b, one, roll(b, image, shift), 1), {rest});
  };
  return {moved(-grid.window / 2), moved(grid.window / 2)};
}

Value reordered(Builder& b, const WindowGrid& grid, const Value& windows, const Value& order, std::int64_t channels) {
  const Value tokens = b.reshape(windows, {grid.batch, rest, channels});
  return b.reshape(b.gather(tokens, order, 1), {rest, grid.window * grid.window, channels});
}

std::vector<std::int64_t> relative_position_index(std::int64_t window) {
  const std::int64_t side = 2 * window - 1;
  const std::int64_t tokens = window * window;
  std::vector<std::int64_t> index;
  for (std::int64_t p = 0; p < tokens; ++p) {
    for (std::int64_t q = 0; q < tokens; ++q) {
      const std::int64_t dy = p / window - q / window + window - 1;
      const std::int64_t dx = p % window - q % window + window - 1;
      index.push_back(dy * side + dx);
    }
  }
  return index;
}

void require_heads(const graph::Module& m, std::int64_t channels, std::int64_t heads) {
  if (heads > 0 && channels % heads == 0) return;
  throw Error(ErrorCode::model_mismatch, "Expected heads that divide the " + std::to_string(channels) +
                                             " channels of " + m.path() + " in " + m.file() + " but there are " +
                                             std::to_string(heads));
}

Value window_attention(Builder& b, const WindowGrid& grid, const Value& qkv, const Value& bias, std::int64_t heads,
                       std::int64_t channels, bool shifted, const Value* order) {
  const graph::WindowShape shape{grid.window * grid.window, heads, channels};
  if (b.has_window_kernel(qkv, channels / heads)) {
    return b.window_attention(qkv, bias, shape, shifted ? &grid.attn_mask : nullptr, shifted ? order : nullptr);
  }
  std::optional<graph::WindowMask> mask;
  if (shifted) mask = {grid.attn_mask, grid.batch};
  return graph::plain_window_attention(b, qkv, bias, shape, mask);
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

}  // namespace diffbir::nets
