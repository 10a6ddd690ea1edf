#include "imaging/degradation/jpeg.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/error.h"
#include "imaging/degradation/dct.h"

namespace diffbir {

namespace {

constexpr std::int64_t kMacroblock = 16;

std::int64_t padded(std::int64_t side) { return (side + kMacroblock - 1) / kMacroblock * kMacroblock; }

double to_level(double value) { return std::clamp(std::nearbyint(value), 0.0, 255.0); }

/// libjpeg's scaling of a table: integers throughout, steps from 1 to 255.
QuantTable scaled(const QuantTable& table, int quality) {
  const int percent = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  QuantTable steps;
  std::transform(table.begin(), table.end(), steps.begin(), [&](double step) {
    return std::clamp<double>((static_cast<int>(step) * percent + 50) / 100, 1, 255);
  });
  return steps;
}

struct Ycc {
  Component y;
  Component cb;  // at full resolution
  Component cr;
};

/// To whole macroblocks; the last row and column are repeated.
Ycc to_components(const std::array<std::span<const float>, 3>& rgb, std::int64_t height, std::int64_t width) {
  const Component empty(padded(height), padded(width));
  Ycc ycc{empty, empty, empty};
  for (std::int64_t row = 0; row < empty.height; ++row) {
    for (std::int64_t column = 0; column < empty.width; ++column) {
      const std::int64_t pixel = std::min(row, height - 1) * width + std::min(column, width - 1);
      const auto level = [&](std::size_t c) { return to_level(rgb[c][static_cast<std::size_t>(pixel)] * 255.0F); };
      const auto converted = rgb_to_ycc(level(0), level(1), level(2));
      ycc.y.at(row, column) = to_level(converted[0]);
      ycc.cb.at(row, column) = to_level(converted[1]);
      ycc.cr.at(row, column) = to_level(converted[2]);
    }
  }
  return ycc;
}

/// Means of 2 x 2; what is to be rounded goes up in every second column, so that errors do not add up.
Component halved(const Component& full) {
  Component half(full.height / 2, full.width / 2);
  for (std::int64_t row = 0; row < half.height; ++row) {
    for (std::int64_t column = 0; column < half.width; ++column) {
      const double sum = full.at(2 * row, 2 * column) + full.at(2 * row, 2 * column + 1) +
                         full.at(2 * row + 1, 2 * column) + full.at(2 * row + 1, 2 * column + 1);
      half.at(row, column) = std::floor((sum + 1.0 + static_cast<double>(column % 2)) / 4);
    }
  }
  return half;
}

/// Chroma at one pixel: 9/16 of the nearest sample, 3/16 of each next one, 1/16 of the diagonal one. `height` and
/// `width` are those of the samples that carry picture; beyond them there is nothing to interpolate with.
double upsampled(const Component& half, std::int64_t height, std::int64_t width, std::int64_t row,
                 std::int64_t column) {
  const auto neighbor = [](std::int64_t at, std::int64_t limit) {
    return std::clamp<std::int64_t>(at / 2 + (at % 2 == 0 ? -1 : 1), 0, limit - 1);
  };
  const std::int64_t far_row = neighbor(row, height);
  const auto vertical = [&](std::int64_t x) { return 3 * half.at(row / 2, x) + half.at(far_row, x); };
  const double sum = 3 * vertical(column / 2) + vertical(neighbor(column, width));
  return std::floor((sum + (column % 2 == 0 ? 8 : 7)) / 16);
}

void compress(const std::array<std::span<float>, 3>& rgb, std::int64_t height, std::int64_t width, int quality) {
  Ycc ycc = to_components({rgb[0], rgb[1], rgb[2]}, height, width);
  Component& y = ycc.y;
  Component cb = halved(ycc.cb);
  Component cr = halved(ycc.cr);
  const QuantTable chrominance = scaled(kChrominanceTable, quality);
  quantize_blocks(y, scaled(kLuminanceTable, quality), std::round);
  for (Component* component : {&cb, &cr}) quantize_blocks(*component, chrominance, std::round);
  for (Component* component : {&y, &cb, &cr}) {
    std::transform(component->values.begin(), component->values.end(), component->values.begin(), to_level);
  }
  const std::int64_t half_height = (height + 1) / 2;
  const std::int64_t half_width = (width + 1) / 2;
  for (std::int64_t row = 0; row < height; ++row) {
    for (std::int64_t column = 0; column < width; ++column) {
      const auto levels = ycc_to_rgb(y.at(row, column), upsampled(cb, half_height, half_width, row, column),
                                     upsampled(cr, half_height, half_width, row, column));
      for (std::size_t c = 0; c < levels.size(); ++c) {
        rgb[c][static_cast<std::size_t>(row * width + column)] = static_cast<float>(to_level(levels[c]) / 255.0);
      }
    }
  }
}

}  // namespace

Tensor jpeg(const Tensor& x, int quality) {
  require_nchw(x, "jpeg");
  if (x.dim(1) != 3) throw Error(ErrorCode::internal, "Expected three channels for jpeg");
  if (quality < 1 || quality > 100) {
    throw Error(ErrorCode::invalid_option,
                "Expected a JPEG quality from 1 to 100 but received " + std::to_string(quality));
  }
  Tensor result = x;
  for (std::int64_t b = 0; b < x.dim(0); ++b) {
    compress({result.plane(b, 0), result.plane(b, 1), result.plane(b, 2)}, x.dim(2), x.dim(3), quality);
  }
  return result;
}

}  // namespace diffbir
