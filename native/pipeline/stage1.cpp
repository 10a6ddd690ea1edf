#include "pipeline/stage1.h"

#include <algorithm>
#include <utility>

namespace diffbir {
namespace {

std::int64_t short_edge(const Tensor& x) { return std::min(x.dim(2), x.dim(3)); }

/// Any size: padded to what the network takes, and cropped again.
Tensor run_padded(const Cleaner& cleaner, const Tensor& x, PadMode padding, CancellationToken& token) {
  Tensor output = cleaner.run(pad_to_multiples_of(x, cleaner.alignment, padding), token);
  return cropped(std::move(output), x.dim(2) * cleaner.scale, x.dim(3) * cleaner.scale);
}

Tensor run_tiled(const Cleaner& cleaner, const PictureSource& x, TileSize size, const CleanOptions& options,
                 CancellationToken& token) {
  const auto count = static_cast<int>(sliding_windows(x.size.height, x.size.width, size).size());
  int done = 0;
  return blend_tiles(x.size.height, x.size.width, size, options.batch, cleaner.scale, options.blend_centre,
                     [&](std::span<const Tile> tiles) {
                       Tensor output = run_padded(cleaner, x.tiles(tiles), options.padding, token);
                       done = std::min(count, done + static_cast<int>(tiles.size()));
                       if (options.on_tile) options.on_tile(done, count);
                       return output;
                     });
}

}  // namespace

Tensor clean(const Cleaner& cleaner, const PictureSource& lq, const CleanOptions& options, CancellationToken& token) {
  const auto enlarged = [&](Tensor x) {
    return short_edge(x) < options.minimum_short_edge ? resize_short_edge_to(x, options.minimum_short_edge)
                                                      : std::move(x);
  };
  Tensor restored;
  if (options.tiles) {
    restored = run_tiled(cleaner, lq, *options.tiles, options, token);
  } else {
    const Tile whole{0, 0, lq.size.height, lq.size.width};
    Tensor x = lq.tiles(std::span(&whole, 1));
    if (cleaner.enlarges_first) x = enlarged(std::move(x));
    restored = run_padded(cleaner, x, options.padding, token);
  }
  require_finite(restored, "the result of stage 1");

  const bool too_small = std::min(options.output_size.height, options.output_size.width) < options.minimum_short_edge;
  if (too_small) return enlarged(std::move(restored));
  if (cleaner.scale == 1) return restored;
  return resize_bicubic_antialias(restored, options.output_size.height, options.output_size.width);
}

}  // namespace diffbir
