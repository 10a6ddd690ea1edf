#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "core/cancellation.h"
#include "core/tensor.h"
#include "imaging/pad.h"
#include "imaging/resize.h"
#include "imaging/tiling.h"
#include "pipeline/networks.h"

namespace diffbir {

/// An 8-bit picture, and any tiles of it, of one size, as image_to_tensor() has them.
struct PictureSource {
  Size size;
  std::function<Tensor(std::span<const Tile> tiles)> tiles;
};

struct CleanOptions {
  /// Size of the picture that is asked for; a cleaner that enlarges is brought to it.
  Size output_size;
  /// The result's short edge is at least this: that stage 2 wants. 0: no matter.
  std::int64_t minimum_short_edge = 0;
  /// In pixels of the cleaner's input; empty: the picture whole.
  std::optional<TileSize> tiles = {};
  std::int64_t batch = 1;  // tiles in one call of the network
  BlendCentre blend_centre = BlendCentre::middle;
  PadMode padding = PadMode::reflect;
  /// Called after each tile with its number, from 1, and their count.
  std::function<void(int tile, int tiles)> on_tile = {};
};

/// Stage 1 (DiffBIR paper, section 3.2; behaviour.md 2.3): removes the degradation, promises no detail.
/// lq: of the output size for cleaners of scale 1 and as it came for those that enlarge -> condition
/// image [1,3,H',W'] of the output size, or larger where the short edge has to be, on the device of the tiles. Not
/// clamped. Throws Error(numeric) when the network's answer is not finite.
Tensor clean(const Cleaner& cleaner, const PictureSource& lq, const CleanOptions& options, CancellationToken& token);

}  // namespace diffbir
