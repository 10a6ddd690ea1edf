#include "imaging/degradation/diffjpeg.h"

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

double factor_of(double quality) {
  if (!(quality > 0 && quality < 100)) {
    throw Error(ErrorCode::invalid_option,
                "Expected a quality above 0 and below 100 for DiffJPEG but received " + std::to_string(quality));
  }
  return (quality < 50 ? 5000 / quality : 200 - 2 * quality) / 100;
}

QuantTable scaled(const QuantTable& table, double factor, bool transpose) {
  QuantTable steps;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::size_t from = transpose ? i % kBlockSide * kBlockSide + i / kBlockSide : i;
    steps[i] = table[from] * factor;
  }
  return steps;
}

double round_softly(double value) {
  const double rounded = std::nearbyint(value);
  const double rest = value - rounded;
  return rounded + rest * rest * rest;
}

struct Codec {
  QuantTable luminance;
  QuantTable chrominance;
  double (*round)(double);
};

using Planes = std::array<std::span<float>, 3>;

/// One sample in place. The picture ends in black at the right and at the bottom where it is no multiple of 16.
void compress(const Planes& rgb, std::int64_t height, std::int64_t width, const Codec& codec) {
  Component y(padded(height), padded(width));
  Component cb(y.height / 2, y.width / 2);
  Component cr(y.height / 2, y.width / 2);
  for (std::int64_t row = 0; row < y.height; ++row) {
    for (std::int64_t column = 0; column < y.width; ++column) {
      const bool inside = row < height && column < width;
      const auto level = [&](std::size_t c) {
        return inside ? 255.0 * rgb[c][static_cast<std::size_t>(row * width + column)] : 0.0;
      };
      const auto ycc = rgb_to_ycc(level(0), level(1), level(2));
      y.at(row, column) = ycc[0];
      cb.at(row / 2, column / 2) += ycc[1] / 4;
      cr.at(row / 2, column / 2) += ycc[2] / 4;
    }
  }
  quantize_blocks(y, codec.luminance, codec.round);
  quantize_blocks(cb, codec.chrominance, codec.round);
  quantize_blocks(cr, codec.chrominance, codec.round);
  for (std::int64_t row = 0; row < height; ++row) {
    for (std::int64_t column = 0; column < width; ++column) {
      const auto levels = ycc_to_rgb(y.at(row, column), cb.at(row / 2, column / 2), cr.at(row / 2, column / 2));
      for (std::size_t c = 0; c < levels.size(); ++c) {
        rgb[c][static_cast<std::size_t>(row * width + column)] =
            static_cast<float>(std::clamp(levels[c], 0.0, 255.0) / 255.0);
      }
    }
  }
}

}  // namespace

Tensor diff_jpeg(const Tensor& x, const std::vector<double>& quality, LuminanceTable luminance,
                 CodecRounding rounding) {
  require_nchw(x, "diff_jpeg");
  if (x.dim(1) != 3 || (quality.size() != 1 && quality.size() != static_cast<std::size_t>(x.dim(0)))) {
    throw Error(ErrorCode::internal, "Expected three channels and a quality for each sample for diff_jpeg");
  }
  Tensor result = x;
  for (std::int64_t b = 0; b < x.dim(0); ++b) {
    const double factor = factor_of(quality[quality.size() == 1 ? 0 : static_cast<std::size_t>(b)]);
    Codec codec{scaled(kLuminanceTable, factor, luminance == LuminanceTable::reference),
                scaled(kChrominanceTable, factor, false), std::nearbyint};
    if (rounding == CodecRounding::soft) codec.round = round_softly;
    compress({result.plane(b, 0), result.plane(b, 1), result.plane(b, 2)}, x.dim(2), x.dim(3), codec);
  }
  return result;
}

}  // namespace diffbir
