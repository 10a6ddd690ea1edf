#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

/// What both codecs of this folder are made of (ITU-T T.81).
namespace diffbir {

inline constexpr std::int64_t kBlockSide = 8;
inline constexpr std::int64_t kBlockArea = kBlockSide * kBlockSide;
using Block = std::array<double, kBlockArea>;       // row-major: [row][column], or [vertical][horizontal frequency]
using QuantTable = std::array<double, kBlockArea>;  // steps, laid out as a block

/// Example tables of T.81, annex K, which libjpeg scales by its quality.
extern const QuantTable kLuminanceTable;
extern const QuantTable kChrominanceTable;

/// Orthonormal DCT-II of 8 x 8 values, and its inverse.
Block forward_dct(const Block& values);
Block inverse_dct(const Block& coefficients);

/// One colour component, 0..255, row-major; sides are multiples of 8.
struct Component {
  Component(std::int64_t rows, std::int64_t columns)
      : height(rows), width(columns), values(static_cast<std::size_t>(rows * columns)) {}
  double& at(std::int64_t y, std::int64_t x) { return values[static_cast<std::size_t>(y * width + x)]; }
  double at(std::int64_t y, std::int64_t x) const { return values[static_cast<std::size_t>(y * width + x)]; }

  std::int64_t height;
  std::int64_t width;
  std::vector<double> values;
};

/// What JPEG keeps of a component: every block's coefficients become multiples of `steps`, rounded by `round`.
void quantize_blocks(Component& component, const QuantTable& steps, double (*round)(double));

/// BT.601 as JFIF has it: full range, Cb and Cr around 128. Any scale of 255.
std::array<double, 3> rgb_to_ycc(double red, double green, double blue);
std::array<double, 3> ycc_to_rgb(double y, double cb, double cr);

}  // namespace diffbir
