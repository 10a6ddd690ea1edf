#include "pipeline/stage1.h"

#include <algorithm>

#include "imaging/pad.h"
#include "imaging/resize.h"

namespace diffbir {

Tensor clean(const Cleaner& cleaner, const Tensor& lq, std::int64_t minimum_short_edge, CancellationToken& token) {
  constexpr std::int64_t alignment = 64;  // pixel unshuffle 8, then windows of 8
  const bool small = std::min(lq.dim(2), lq.dim(3)) < minimum_short_edge;
  const Tensor input = small ? resize_short_edge_to(lq, minimum_short_edge) : lq;
  const Tensor restored = cleaner(pad_to_multiples_of(input, alignment), token);
  require_finite(restored, "the result of stage 1");
  return crop(restored, input.dim(2), input.dim(3));
}

}  // namespace diffbir
