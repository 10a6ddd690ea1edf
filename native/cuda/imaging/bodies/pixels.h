#pragma once

#include <cstdint>

#include "cuda/imaging/bodies/launch.h"
#include "cuda/imaging/bodies/tile_origins.h"
#include "imaging/kernels.h"
#include "imaging/tile.h"

namespace diffbir::bodies {

/// One pixel of one tile, all three channels.
struct CutImage {
  const std::uint8_t* rgb;
  float* out;
  std::int64_t image_width;
  Size tile;
  TileOrigins origins;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t area = tile.height * tile.width;
    const std::int64_t number = i / area;
    const std::int64_t pixel = i % area;
    const std::int64_t y = origins.y[number] + pixel / tile.width;
    const std::int64_t x = origins.x[number] + pixel % tile.width;
    const std::uint8_t* source = rgb + 3 * (y * image_width + x);
    for (int c = 0; c < 3; ++c) out[(3 * number + c) * area + pixel] = from_uint8(source[c]);
  }
};

template <typename Launch>
void image_to_tensor(const Launch& launch, const std::uint8_t* rgb, Size size, const Tile* tiles, std::int64_t count,
                     float* out) {
  const Size tile{tiles->height, tiles->width};
  const std::int64_t area = tile.height * tile.width;
  for_some_tiles(tiles, count, 1, [&](const TileOrigins& origins, std::int64_t first) {
    launch(origins.count * area, CutImage{rgb, out + 3 * first * area, size.width, tile, origins});
  });
}

/// One pixel, all three channels.
struct ToImage {
  const float* x;
  std::uint8_t* rgb;
  std::int64_t area;
  Rounding rounding;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    for (int c = 0; c < 3; ++c) {
      const float value = x[c * area + i];
      rgb[3 * i + c] = rounding == Rounding::truncate ? truncate_to_uint8(value) : round_to_uint8(value);
    }
  }
};

template <typename Launch>
void tensor_to_image(const Launch& launch, const float* x, Size size, Rounding rounding, std::uint8_t* rgb) {
  const std::int64_t area = size.height * size.width;
  launch(area, ToImage{x, rgb, area, rounding});
}

struct ToSigned {
  DIFFBIR_HOST_DEVICE float operator()(float value) const { return diffbir::to_signed(value); }
};

struct ToUnsigned {
  DIFFBIR_HOST_DEVICE float operator()(float value) const { return diffbir::to_unsigned(value); }
};

template <typename Launch>
void to_signed(const Launch& launch, const float* x, std::int64_t count, float* out) {
  launch(count, Map<ToSigned>{x, out});
}

template <typename Launch>
void to_unsigned(const Launch& launch, const float* x, std::int64_t count, float* out) {
  launch(count, Map<ToUnsigned>{x, out});
}

}  // namespace diffbir::bodies
