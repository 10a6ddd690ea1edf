#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "addon/convert.h"
#include "addon/guarded_tensors.h"
#include "addon/primitives.h"
#include "imaging/overlapping_tiles.h"
#include "imaging/tiling.h"

namespace diffbir {

namespace {

constexpr std::int64_t kMaxSide = std::int64_t{1} << 20;

BlendCentre to_centre(Napi::Value value) {
  return to_text(value, "centre") == "reference" ? BlendCentre::reference : BlendCentre::middle;
}

TileSize to_tile_size(const Napi::CallbackInfo& info, std::size_t first) {
  const std::int64_t tile = to_integer(info[first], "tile", 1, kMaxSide);
  return {tile, to_integer(info[first + 1], "stride", 1, kMaxSide)};
}

/// Int32Array of y, x, height, width.
Napi::Value from_tile(Napi::Env env, const Tile& tile) {
  return from_int32s(env, {static_cast<std::int32_t>(tile.y), static_cast<std::int32_t>(tile.x),
                           static_cast<std::int32_t>(tile.height), static_cast<std::int32_t>(tile.width)});
}

Napi::Value sliding_windows(const Napi::CallbackInfo& info) {
  const std::int64_t height = to_integer(info[0], "height", 1, kMaxSide);
  const std::int64_t width = to_integer(info[1], "width", 1, kMaxSide);
  const auto tiles = diffbir::sliding_windows(height, width, to_tile_size(info, 2));
  Napi::Array result = Napi::Array::New(info.Env(), tiles.size());
  for (std::uint32_t i = 0; i < tiles.size(); ++i) result[i] = from_tile(info.Env(), tiles[i]);
  return result;
}

Napi::Value overlapping_tiles(const Napi::CallbackInfo& info) {
  const std::int64_t height = to_integer(info[0], "height", 1, kMaxSide);
  const std::int64_t width = to_integer(info[1], "width", 1, kMaxSide);
  const std::int64_t tile = to_integer(info[2], "tile", 1, kMaxSide);
  const auto tiles = diffbir::overlapping_tiles(height, width, tile, to_integer(info[3], "overlap", 0, kMaxSide));
  Napi::Array result = Napi::Array::New(info.Env(), tiles.size());
  for (std::uint32_t i = 0; i < tiles.size(); ++i) {
    Napi::Object entry = Napi::Object::New(info.Env());
    entry.Set("input", from_tile(info.Env(), tiles[i].input));
    entry.Set("own", from_tile(info.Env(), tiles[i].own));
    result[i] = entry;
  }
  return result;
}

Napi::Value gaussian_weights(const Napi::CallbackInfo& info) {
  const std::int64_t height = to_integer(info[0], "height", 1, 1 << 14);
  const std::int64_t width = to_integer(info[1], "width", 1, 1 << 14);
  return from_doubles(info.Env(), diffbir::gaussian_weights(height, width, to_centre(info[2])));
}

/// The JavaScript function gets at most `batch` tiles of x at a time, tile after tile, and answers with their outputs.
Napi::Value blend_tiles(const Napi::CallbackInfo& info) {
  const Tensor x = to_tensor(info[0], "x");
  const TileSize size = to_tile_size(info, 1);
  const std::int64_t scale = to_integer(info[3], "scale", 1, 64);
  const BlendCentre centre = to_centre(info[4]);
  const Napi::Function function = to_function(info[5], "tileOutputs");
  const std::int64_t batch = info[6].IsUndefined() ? 1 : to_integer(info[6], "batch", 1, kMaxSide);
  const std::shared_ptr<Device> device = to_device(info[7], "guarded");
  require_nchw(x, "x");
  const auto outputs = [&](std::span<const Tile> tiles) {
    return to_tensor(function.Call({from_tensor(info.Env(), cut(x, tiles))}), "the tiles' outputs").to(device);
  };
  const Tensor blended = diffbir::blend_tiles(x.dim(2), x.dim(3), size, batch, scale, centre, outputs);
  return from_tensor(info.Env(), blended.to(nullptr));
}

}  // namespace

void add_tiling_primitives(Napi::Object primitives) {
  set_function(primitives, "slidingWindows", sliding_windows);
  set_function(primitives, "overlappingTiles", overlapping_tiles);
  set_function(primitives, "gaussianWeights", gaussian_weights);
  set_function(primitives, "blendTiles", blend_tiles);
}

}  // namespace diffbir
