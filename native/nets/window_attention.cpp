#include "nets/window_attention.h"

#include <optional>
#include <string>

#include "core/error.h"
#include "graph/plain_attention.h"

namespace diffbir::nets {

using graph::Builder;
using graph::Value;

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

Value window_attention(Builder& b, graph::Windows& windows, const Value& qkv, const Value& table, const Heads& heads,
                       bool shifted) {
  const graph::WindowShape shape{windows.window(), heads.count, heads.channels};
  const bool has_kernel = b.has_window_kernel(qkv, heads.channels / heads.count);
  const Value pairs = b.gather(table, b.integers(relative_position_index(windows.window())));
  const std::vector<std::int64_t> keys_first{2, 1, 0};
  const std::vector<std::int64_t> queries_first{2, 0, 1};
  const Value bias = b.transpose(b.reshape(pairs, {shape.tokens(), shape.tokens(), heads.count}),
                                 has_kernel ? keys_first : queries_first);
  if (has_kernel) {
    std::optional<graph::WindowShift> shift;
    if (shifted) shift = {windows.sides(), windows.masked()};
    return b.window_attention(qkv, bias, shape, shift);
  }
  std::optional<graph::WindowMask> mask;
  if (shifted) mask = {windows.mask(), windows.pictures()};
  return graph::plain_window_attention(b, qkv, bias, shape, mask);
}

}  // namespace diffbir::nets
