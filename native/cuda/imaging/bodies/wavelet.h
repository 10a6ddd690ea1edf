#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/imaging/bodies/launch.h"
#include "imaging/kernels.h"
#include "imaging/tile.h"

namespace diffbir::bodies {

constexpr int wavelet_levels = 5;

/// The 3x3 binomial filter of taps `radius` apart at one pixel, the border replicated.
struct WaveletBlur {
  const float* in;
  float* out;
  Size size;
  std::int64_t radius;

  DIFFBIR_HOST_DEVICE float at(std::int64_t i) const {
    const std::int64_t y = i / size.width;
    const std::int64_t x = i % size.width;
    const std::int64_t above = y > radius ? y - radius : 0;
    const std::int64_t below = y + radius < size.height ? y + radius : size.height - 1;
    const std::int64_t left = x > radius ? x - radius : 0;
    const std::int64_t right = x + radius < size.width ? x + radius : size.width - 1;
    return binomial_3x3(in + above * size.width, in + y * size.width, in + below * size.width, left, x, right);
  }
  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const { out[i] = at(i); }
};

/// What the first blur took away from a picture, in place of the picture.
struct FirstDetail {
  const float* blurred;
  float* picture;
  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const { picture[i] = with_detail(0.0F, picture[i], blurred[i]); }
};

/// A further blur, and what it takes away on top of `high`.
struct NextDetail {
  WaveletBlur blur;
  float* high;
  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    const float blurred = blur.at(i);
    high[i] = with_detail(high[i], blur.in[i], blurred);
    blur.out[i] = blurred;
  }
};

/// The last blur of the other picture, added to `high`.
struct AddLow {
  WaveletBlur blur;
  float* high;
  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const { high[i] += blur.at(i); }
};

struct WaveletScratch {
  float* planes[2];
  std::size_t bytes;

  WaveletScratch(void* memory, Size size) {
    Scratch scratch(memory);
    for (float*& plane : planes) plane = scratch.take<float>(size.height * size.width);
    bytes = scratch.used();
  }
};

/// Plane by plane, so that the scratch is two planes.
template <typename Launch>
void wavelet_reconstruction(const Launch& launch, float* content, const float* style, std::int64_t planes, Size size,
                            void* memory) {
  const std::int64_t area = size.height * size.width;
  const WaveletScratch scratch(memory, size);
  float* const* const buffers = scratch.planes;
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    float* const high = content + plane * area;
    launch(area, WaveletBlur{high, buffers[0], size, 1});
    launch(area, FirstDetail{buffers[0], high});
    for (int level = 1; level < wavelet_levels; ++level) {
      const WaveletBlur blur{buffers[(level - 1) % 2], buffers[level % 2], size, std::int64_t{1} << level};
      launch(area, NextDetail{blur, high});
    }
    const float* low = style + plane * area;
    for (int level = 0; level < wavelet_levels; ++level) {
      const WaveletBlur blur{low, buffers[level % 2], size, std::int64_t{1} << level};
      if (level + 1 < wavelet_levels) {
        launch(area, blur);
      } else {
        launch(area, AddLow{blur, high});
      }
      low = buffers[level % 2];
    }
  }
}

}  // namespace diffbir::bodies
