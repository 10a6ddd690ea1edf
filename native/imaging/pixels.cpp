#include "imaging/pixels.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "core/error.h"
#include "imaging/kernels.h"
#include "imaging/on_device.h"

namespace diffbir {

namespace {

constexpr std::size_t kChannels = 3;

using ToLevel = std::uint8_t (*)(float);

ToLevel level_of(Rounding rounding) { return rounding == Rounding::truncate ? truncate_to_uint8 : round_to_uint8; }

}  // namespace

Tensor image_to_tensor(const Image& image) {
  const Tile whole{0, 0, image.height, image.width};
  return image_to_tensor(image, std::span(&whole, 1));
}

Tensor image_to_tensor(const Image& image, std::span<const Tile> tiles) {
  const std::size_t bytes = element_count({image.height, image.width, kChannels});
  if (image.rgb.size() != bytes) {
    throw Error(ErrorCode::internal, "Expected " + std::to_string(bytes) + " bytes in the picture but found " +
                                         std::to_string(image.rgb.size()));
  }
  Tensor tensor({std::ssize(tiles), kChannels, tiles.front().height, tiles.front().width});
  float* target = tensor.data();
  for (const Tile& tile : tiles) {
    if (tile.y < 0 || tile.x < 0 || tile.y + tile.height > image.height || tile.x + tile.width > image.width) {
      throw Error(ErrorCode::internal, "Expected a tile inside the picture");
    }
    for (std::size_t c = 0; c < kChannels; ++c) {
      for (std::int64_t y = 0; y < tile.height; ++y) {
        const std::uint8_t* row = image.rgb.data() + ((tile.y + y) * image.width + tile.x) * kChannels + c;
        for (std::int64_t x = 0; x < tile.width; ++x) *target++ = from_uint8(row[x * kChannels]);
      }
    }
  }
  return tensor;
}

void to_signed(Tensor& x) {
  if (x.device()) return on_device::to_signed(x);
  for (float& value : x.values()) value = to_signed(value);
}

void to_unsigned(Tensor& x) {
  if (x.device()) return on_device::to_unsigned(x);
  for (float& value : x.values()) value = to_unsigned(value);
}

std::vector<std::uint8_t> to_uint8(std::span<const float> values, Rounding rounding) {
  std::vector<std::uint8_t> levels(values.size());
  std::transform(values.begin(), values.end(), levels.begin(), level_of(rounding));
  return levels;
}

Image tensor_to_image(const Tensor& x, std::int64_t batch, Rounding rounding) {
  require_nchw(x, "tensor_to_image");
  if (x.dim(1) != kChannels || batch < 0 || batch >= x.dim(0)) {
    throw Error(ErrorCode::internal, "Expected three channels and an item " + std::to_string(batch) +
                                         " for tensor_to_image but received " + to_string(x.shape()));
  }
  if (x.device()) return on_device::tensor_to_image(x, batch, rounding);
  Image image{x.dim(3), x.dim(2), std::vector<std::uint8_t>(element_count({x.dim(2), x.dim(3), kChannels}))};
  const ToLevel to_level = level_of(rounding);
  for (std::size_t c = 0; c < kChannels; ++c) {
    const auto plane = x.plane(batch, static_cast<std::int64_t>(c));
    for (std::size_t i = 0; i < plane.size(); ++i) image.rgb[i * kChannels + c] = to_level(plane[i]);
  }
  return image;
}

}  // namespace diffbir
