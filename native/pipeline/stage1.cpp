#include "pipeline/stage1.h"

#include <algorithm>

namespace diffbir {
namespace {

std::int64_t short_edge(const Tensor& x) { return std::min(x.dim(2), x.dim(3)); }

/// Any size: padded to what the network takes, and cropped again.
Tensor run_padded(const Cleaner& cleaner, const Tensor& x, PadMode padding, CancellationToken& token) {
  const Tensor output = cleaner.run(pad_to_multiples_of(x, cleaner.alignment, padding), token);
  return crop(output, x.dim(2) * cleaner.scale, x.dim(3) * cleaner.scale);
}

Tensor run_tiled(const Cleaner& cleaner, const Tensor& x, TileSize size, const CleanOptions& options,
                 CancellationToken& token) {
  const auto count = static_cast<int>(sliding_windows(x.dim(2), x.dim(3), size).size());
  int done = 0;
  return blend_tiles(x.dim(2), x.dim(3), size, cleaner.scale, options.blend_centre, [&](const Tile& tile) {
    Tensor output = run_padded(cleaner, cut(x, tile), options.padding, token);
    if (options.on_tile) options.on_tile(++done, count);
    return output;
  });
}

}  // namespace

Tensor clean(const Cleaner& cleaner, const Tensor& lq, const CleanOptions& options, CancellationToken& token) {
  const auto enlarged = [&](const Tensor& x) {
    return short_edge(x) < options.minimum_short_edge ? resize_short_edge_to(x, options.minimum_short_edge) : x;
  };
  Tensor restored;
  if (options.tiles) {
    restored = run_tiled(cleaner, lq, *options.tiles, options, token);
  } else {
    restored = run_padded(cleaner, cleaner.enlarges_first ? enlarged(lq) : lq, options.padding, token);
  }
  require_finite(restored, "the result of stage 1");

  const bool too_small = std::min(options.output_size.height, options.output_size.width) < options.minimum_short_edge;
  if (too_small) return enlarged(restored);
  if (cleaner.scale == 1) return restored;
  return resize_bicubic_antialias(restored, options.output_size.height, options.output_size.width);
}

}  // namespace diffbir
