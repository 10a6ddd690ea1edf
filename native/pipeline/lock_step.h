#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/cancellation.h"
#include "core/tensor.h"
#include "imaging/overlapping_tiles.h"
#include "runtime/network.h"

namespace diffbir {

/// How tiles pass through a network with group normalisation.
struct LockStepOptions {
  runtime::Pooling pooling = runtime::Pooling::exact;
  /// Whether all tiles are in memory at once. Else one is, and the network runs over each as often as it takes to come
  /// to the statistics of all (runtime::TileStatistics): the same result in several times the time. A sample of the
  /// tiles would not do: a few places of a picture have activations far beyond all others'.
  bool at_once = true;
  /// Tiles that compute at the same time.
  std::size_t concurrency = 1;
  /// Called after each run of a tile where not all are in memory at once; may be empty.
  std::function<void(int run, int runs)> on_run = {};
};

/// What becomes of one tile's output: `own` is the part of the input that the tile answers for, `input` all that it
/// saw.
using TileSink = std::function<void(const OverlappingTile& tile, const Tensor& output)>;

/// An input that need not be there as a whole: its size, and any tile of it [B,C,h,w]. Called from several threads.
struct TileSource {
  std::int64_t height;
  std::int64_t width;
  std::function<Tensor(const Tile& tile)> cut;
};

/// Runs a network with inputs (x, tile) over the tiles of its input x, its group normalisations working on the
/// statistics of the whole picture. `sink` is called once a tile, by one thread at a time.
void run_in_lock_step(runtime::Network& network, const TileSource& x, const std::vector<OverlappingTile>& tiles,
                      const LockStepOptions& options, CancellationToken& token, const TileSink& sink);

}  // namespace diffbir
