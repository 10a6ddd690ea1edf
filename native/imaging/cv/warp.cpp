#include "imaging/cv/warp.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "core/tensor.h"

namespace diffbir::cv {

namespace {

constexpr int fraction_bits = 5;
constexpr std::int64_t fractions = 1 << fraction_bits;
constexpr double position_scale = 1024;  // positions have 10 bits of fraction until they are added up
constexpr std::int64_t half_fraction = 1024 / fractions / 2;

/// Rounded to even, and bounded as OpenCV's 32-bit integers are: no matrix makes this overflow.
std::int64_t fixed(double value) {
  constexpr double limit = 1 << 30;
  if (std::isnan(value)) return 0;
  return static_cast<std::int64_t>(std::nearbyint(std::clamp(value * position_scale, -limit, limit)));
}

/// Calls pixel(y, x, source y, source x, fraction y, fraction x) for every pixel of `part`; y and x count from its
/// corner.
template <typename Pixel>
void for_each_pixel(const Affine& m, const Tile& part, Pixel pixel) {
  const Affine back = inverse(m);
  std::vector<std::int64_t> along_x;
  std::vector<std::int64_t> along_y;
  for (std::int64_t x = part.x; x < part.x + part.width; ++x) {
    along_x.push_back(fixed(back.xx * static_cast<double>(x)));
    along_y.push_back(fixed(back.yx * static_cast<double>(x)));
  }
  for (std::int64_t y = 0; y < part.height; ++y) {
    const auto row = static_cast<double>(part.y + y);
    const std::int64_t from_x = fixed(back.xy * row + back.x0) + half_fraction;
    const std::int64_t from_y = fixed(back.yy * row + back.y0) + half_fraction;
    for (std::int64_t x = 0; x < part.width; ++x) {
      const std::int64_t at_x = (from_x + along_x[static_cast<std::size_t>(x)]) >> fraction_bits;
      const std::int64_t at_y = (from_y + along_y[static_cast<std::size_t>(x)]) >> fraction_bits;
      pixel(y, x, at_y >> fraction_bits, at_x >> fraction_bits, at_y & (fractions - 1), at_x & (fractions - 1));
    }
  }
}

/// The four neighbours at (y, x) of an array of height x width pixels, where `outside` stands for what is not there,
/// weighed by the fractions of 32: their sum is 1024 times the value.
template <typename Number, typename Value>
Number weighed(const Value* values, std::int64_t height, std::int64_t width, std::int64_t channels, Number outside,
               std::int64_t y, std::int64_t x, std::int64_t fy, std::int64_t fx) {
  const auto at = [&](std::int64_t j, std::int64_t i) {
    const bool inside = j >= 0 && j < height && i >= 0 && i < width;
    return inside ? static_cast<Number>(values[(j * width + i) * channels]) : outside;
  };
  const auto weight = [](std::int64_t a, std::int64_t b) { return static_cast<Number>(a * b); };
  return at(y, x) * weight(fractions - fy, fractions - fx) + at(y, x + 1) * weight(fractions - fy, fx) +
         at(y + 1, x) * weight(fy, fractions - fx) + at(y + 1, x + 1) * weight(fy, fx);
}

}  // namespace

Image warp_affine(const Image& image, const Affine& m, const Tile& part, const Color& border) {
  constexpr std::int64_t channels = 3;
  Image result{part.width, part.height, std::vector<std::uint8_t>(element_count({part.height, part.width, channels}))};
  for_each_pixel(
      m, part, [&](std::int64_t y, std::int64_t x, std::int64_t sy, std::int64_t sx, std::int64_t fy, std::int64_t fx) {
        std::uint8_t* target = result.rgb.data() + (y * part.width + x) * channels;
        for (std::int64_t c = 0; c < channels; ++c) {
          const auto sum = weighed<std::int64_t>(image.rgb.data() + c, image.height, image.width, channels,
                                                 border.at(static_cast<std::size_t>(c)), sy, sx, fy, fx);
          target[c] = static_cast<std::uint8_t>((sum + 512) >> 10);
        }
      });
  return result;
}

Plane warp_affine(const Plane& plane, const Affine& m, const Tile& part) {
  Plane result(part.height, part.width);
  for_each_pixel(
      m, part, [&](std::int64_t y, std::int64_t x, std::int64_t sy, std::int64_t sx, std::int64_t fy, std::int64_t fx) {
        constexpr float unit = fractions * fractions;
        result.row(y)[x] =
            weighed<float>(plane.values.data(), plane.height, plane.width, 1, 0.0F, sy, sx, fy, fx) / unit;
      });
  return result;
}

}  // namespace diffbir::cv
