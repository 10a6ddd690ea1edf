#include "imaging/resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "imaging/kernels.h"
#include "imaging/on_device.h"
#include "imaging/resample.h"

namespace diffbir {

namespace {

/// Pillow's resize: columns first, 8 bits in between; an axis that keeps its length is left alone.
template <typename Filter>
Image resize_pil(const Image& image, std::int64_t width, std::int64_t height, Filter filter) {
  require_size(width);
  require_size(height);
  Image result{width, height, {}};
  if (width == image.width) {
    result.rgb = image.rgb;
  } else {
    const auto taps = antialiased_taps<std::int32_t>(image.width, width, filter, ToFixedPoint());
    result.rgb = resample_axis(image.rgb, image.height, image.width, 3, taps, pil_half, FromFixedPoint());
  }
  if (height != image.height) {
    const auto taps = antialiased_taps<std::int32_t>(image.height, height, filter, ToFixedPoint());
    result.rgb = resample_axis(result.rgb, 1, image.height, 3 * width, taps, pil_half, FromFixedPoint());
  }
  return result;
}

std::int64_t halves_to_even(double value) { return static_cast<std::int64_t>(std::nearbyint(value)); }

}  // namespace

Image resize_bicubic_pil(const Image& image, std::int64_t width, std::int64_t height) {
  return resize_pil(image, width, height, CubicFilter());
}

Image resize_box_pil(const Image& image, std::int64_t width, std::int64_t height) {
  return resize_pil(image, width, height, BoxFilter());
}

Image center_crop(const Image& image, std::int64_t size) {
  require_size(size);
  Image shrunk = image;
  while (std::min(shrunk.width, shrunk.height) >= 2 * size) {
    shrunk = resize_box_pil(shrunk, shrunk.width / 2, shrunk.height / 2);
  }
  const double scale = static_cast<double>(size) / static_cast<double>(std::min(shrunk.width, shrunk.height));
  shrunk = resize_bicubic_pil(shrunk, halves_to_even(static_cast<double>(shrunk.width) * scale),
                              halves_to_even(static_cast<double>(shrunk.height) * scale));
  const std::int64_t left = (shrunk.width - size) / 2;
  const std::int64_t top = (shrunk.height - size) / 2;
  Image result{size, size, {}};
  for (std::int64_t y = top; y < top + size; ++y) {
    const auto row = shrunk.rgb.begin() + (y * shrunk.width + left) * 3;
    result.rgb.insert(result.rgb.end(), row, row + size * 3);
  }
  return result;
}

Tensor resize_bicubic_antialias(const Tensor& x, std::int64_t height, std::int64_t width) {
  require_nchw(x, "resize_bicubic_antialias");
  require_size(width);
  require_size(height);
  if (width == x.dim(3) && height == x.dim(2)) return x;
  if (x.device()) return on_device::resize_bicubic_antialias(x, {height, width});
  const auto taps = [](std::int64_t in, std::int64_t out) {
    return antialiased_taps<float>(in, out, CubicFilter(), ToFloat());
  };
  return resample_planes(x, taps(x.dim(3), width), taps(x.dim(2), height));
}

Size short_edge_size(Size size, std::int64_t short_edge) {
  // The reference truncates long * (short_edge / short), the quotient rounded to double first.
  const auto scaled = [&](std::int64_t long_side, std::int64_t short_side) {
    const double ratio = static_cast<double>(short_edge) / static_cast<double>(short_side);
    return static_cast<std::int64_t>(static_cast<double>(long_side) * ratio);
  };
  if (size.height == size.width) return {short_edge, short_edge};
  if (size.height < size.width) return {short_edge, scaled(size.width, size.height)};
  return {scaled(size.height, size.width), short_edge};
}

Tensor resize_short_edge_to(const Tensor& x, std::int64_t short_edge) {
  require_nchw(x, "resize_short_edge_to");
  const Size size = short_edge_size({x.dim(2), x.dim(3)}, short_edge);
  return resize_bicubic_antialias(x, size.height, size.width);
}

}  // namespace diffbir
