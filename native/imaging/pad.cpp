#include "imaging/pad.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "core/error.h"
#include "imaging/kernels.h"
#include "imaging/on_device.h"

namespace diffbir {

namespace {

/// Copies the upper left height x width pixels that source and target have in common.
void copy_corner(const Tensor& source, Tensor& target) {
  const std::int64_t height = std::min(source.dim(2), target.dim(2));
  const std::int64_t width = std::min(source.dim(3), target.dim(3));
  for (std::int64_t b = 0; b < source.dim(0); ++b) {
    for (std::int64_t c = 0; c < source.dim(1); ++c) {
      const float* from = source.plane(b, c).data();
      float* to = target.plane(b, c).data();
      for (std::int64_t y = 0; y < height; ++y) {
        std::copy_n(from + y * source.dim(3), width, to + y * target.dim(3));
      }
    }
  }
}

/// Fills what lies right of `width` and below `height` with the mirror image of what does not.
void reflect_beyond(Tensor& x, std::int64_t height, std::int64_t width) {
  for (std::int64_t b = 0; b < x.dim(0); ++b) {
    for (std::int64_t c = 0; c < x.dim(1); ++c) {
      float* plane = x.plane(b, c).data();
      for (std::int64_t y = 0; y < x.dim(2); ++y) {
        float* row = plane + y * x.dim(3);
        const float* mirrored = plane + reflected(y, height) * x.dim(3);
        const std::int64_t begin = y < height ? width : 0;
        for (std::int64_t column = begin; column < x.dim(3); ++column) row[column] = mirrored[reflected(column, width)];
      }
    }
  }
}

std::int64_t round_up(std::int64_t size, std::int64_t multiple) {
  const std::int64_t missing = (multiple - size % multiple) % multiple;
  if (missing > std::numeric_limits<std::int64_t>::max() - size) {
    throw Error(ErrorCode::out_of_memory, "padding to multiples of " + std::to_string(multiple) + " is too large");
  }
  return size + missing;
}

}  // namespace

Tensor pad_to_multiples_of(const Tensor& x, std::int64_t multiple, PadMode mode) {
  require_nchw(x, "pad_to_multiples_of");
  if (multiple < 1) {
    throw Error(ErrorCode::internal, "Expected a multiple of at least 1 but received " + std::to_string(multiple));
  }
  const Tile whole{0, 0, round_up(x.dim(2), multiple), round_up(x.dim(3), multiple)};
  if (x.device()) return on_device::cut(x, std::span(&whole, 1), mode);
  Tensor padded({x.dim(0), x.dim(1), whole.height, whole.width});
  copy_corner(x, padded);
  if (mode == PadMode::reflect) reflect_beyond(padded, x.dim(2), x.dim(3));
  return padded;
}

Tensor cut_padded(const Tensor& x, const Tile& tile, PadMode mode) {
  require_nchw(x, "cut_padded");
  if (x.device()) return on_device::cut(x, std::span(&tile, 1), mode);
  const std::int64_t height = x.dim(2);
  const std::int64_t width = x.dim(3);
  if (mode == PadMode::zero && (tile.y >= height || tile.x >= width)) {
    return Tensor({x.dim(0), x.dim(1), tile.height, tile.width});
  }
  // Columns that lie in x are copied as they are; those beyond come one by one.
  const std::int64_t inside = std::clamp<std::int64_t>(width - tile.x, 0, tile.width);
  Tensor result({x.dim(0), x.dim(1), tile.height, tile.width});
  for (std::int64_t b = 0; b < x.dim(0); ++b) {
    for (std::int64_t c = 0; c < x.dim(1); ++c) {
      const float* from = x.plane(b, c).data();
      float* to = result.plane(b, c).data();
      for (std::int64_t row = 0; row < tile.height; ++row, to += tile.width) {
        const std::int64_t y = tile.y + row;
        if (mode == PadMode::zero && y >= height) break;
        const float* source = from + reflected(y, height) * width;
        std::copy_n(source + tile.x, inside, to);
        if (mode == PadMode::zero) continue;
        for (std::int64_t column = inside; column < tile.width; ++column) {
          to[column] = source[reflected(tile.x + column, width)];
        }
      }
    }
  }
  return result;
}

Tensor crop(const Tensor& x, std::int64_t height, std::int64_t width) {
  require_nchw(x, "crop");
  if (height < 1 || width < 1 || height > x.dim(2) || width > x.dim(3)) {
    throw Error(ErrorCode::internal,
                "Cannot crop " + to_string(x.shape()) + " to " + std::to_string(height) + "x" + std::to_string(width));
  }
  const Tile corner{0, 0, height, width};
  if (x.device()) return on_device::cut(x, std::span(&corner, 1), PadMode::zero);
  Tensor cropped({x.dim(0), x.dim(1), height, width});
  copy_corner(x, cropped);
  return cropped;
}

Tensor cropped(Tensor x, std::int64_t height, std::int64_t width) {
  require_nchw(x, "cropped");
  return height == x.dim(2) && width == x.dim(3) ? std::move(x) : crop(x, height, width);
}

}  // namespace diffbir
