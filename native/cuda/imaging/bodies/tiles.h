#pragma once

#include <cstdint>

#include "cuda/imaging/bodies/launch.h"
#include "cuda/imaging/bodies/tile_origins.h"
#include "imaging/kernels.h"
#include "imaging/tile.h"

namespace diffbir::bodies {

/// One value of one tile.
struct CutTiles {
  const float* x;
  float* out;
  std::int64_t planes;
  Size size;
  Size tile;
  PadMode mode;
  TileOrigins origins;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t row = i / tile.width;
    const std::int64_t plane = row / tile.height;
    const std::int64_t y = origins.y[plane / planes] + row % tile.height;
    const std::int64_t x_in = origins.x[plane / planes] + i % tile.width;
    if (mode == PadMode::zero && (y >= size.height || x_in >= size.width)) {
      out[i] = 0;
      return;
    }
    const std::int64_t line = (plane % planes) * size.height + reflected(y, size.height);
    out[i] = x[line * size.width + reflected(x_in, size.width)];
  }
};

template <typename Launch>
void cut_tiles(const Launch& launch, const float* x, std::int64_t planes, Size size, const Tile* tiles,
               std::int64_t count, PadMode mode, float* out) {
  const Size tile{tiles->height, tiles->width};
  const std::int64_t values = planes * tile.height * tile.width;
  for_some_tiles(tiles, count, 1, [&](const TileOrigins& origins, std::int64_t first) {
    launch(origins.count * values, CutTiles{x, out + first * values, planes, size, tile, mode, origins});
  });
}

/// One value of the sums, or in the plane behind them one of the sum of weights: what all tiles add to it, in their
/// order.
struct AddTiles {
  const float* outputs;
  const float* weights;
  float* sum;
  float* weight_sum;
  std::int64_t planes;
  Size size;
  Size tile;
  Tile around;  // all tiles of this launch
  TileOrigins origins;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t plane = i / around.width / around.height;
    const std::int64_t y = around.y + i / around.width % around.height;
    const std::int64_t x = around.x + i % around.width;
    float* const target = (plane < planes ? sum + plane * size.height * size.width : weight_sum) + y * size.width + x;
    float total = *target;
    for (std::int64_t number = 0; number < origins.count; ++number) {
      const std::int64_t row = y - origins.y[number];
      const std::int64_t column = x - origins.x[number];
      if (row < 0 || row >= tile.height || column < 0 || column >= tile.width) continue;
      const std::int64_t place = row * tile.width + column;
      const float value = plane < planes ? outputs[(number * planes + plane) * tile.height * tile.width + place] : 1.0F;
      total = blended(total, value, weights[place]);
    }
    *target = total;
  }
};

template <typename Launch>
void add_tiles(const Launch& launch, const float* outputs, const float* weights, const Tile* tiles, std::int64_t count,
               std::int64_t scale, float* sum, float* weight_sum, std::int64_t planes, Size size) {
  const Size tile{tiles->height * scale, tiles->width * scale};
  const std::int64_t values = planes * tile.height * tile.width;
  for_some_tiles(tiles, count, scale, [&](const TileOrigins& origins, std::int64_t first) {
    const Tile around = rectangle_around(origins, tile);
    launch((planes + 1) * around.height * around.width,
           AddTiles{outputs + first * values, weights, sum, weight_sum, planes, size, tile, around, origins});
  });
}

struct DivideByWeights {
  float* sum;
  const float* weight_sum;
  std::int64_t area;
  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const { sum[i] /= weight_sum[i % area]; }
};

template <typename Launch>
void divide_by_weights(const Launch& launch, float* sum, const float* weight_sum, std::int64_t planes, Size size) {
  const std::int64_t area = size.height * size.width;
  launch(planes * area, DivideByWeights{sum, weight_sum, area});
}

/// One value of a rectangle that goes from one picture into another.
struct CopyPart {
  const float* part;
  float* whole;
  Size part_size;
  Size whole_size;
  Tile own;
  std::int64_t y;
  std::int64_t x;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t column = i % own.width;
    const std::int64_t row = i / own.width % own.height;
    const std::int64_t plane = i / own.width / own.height;
    whole[(plane * whole_size.height + y + row) * whole_size.width + x + column] =
        part[(plane * part_size.height + own.y + row) * part_size.width + own.x + column];
  }
};

template <typename Launch>
void paste(const Launch& launch, const float* part, Size part_size, const Tile& own, float* whole, Size whole_size,
           std::int64_t y, std::int64_t x, std::int64_t planes) {
  launch(planes * own.height * own.width, CopyPart{part, whole, part_size, whole_size, own, y, x});
}

}  // namespace diffbir::bodies
