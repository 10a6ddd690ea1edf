#include "imaging/pixels.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "core/error.h"
#include "imaging/kernels.h"

namespace diffbir {

namespace {

constexpr std::size_t kChannels = 3;

using ToLevel = std::uint8_t (*)(float);

ToLevel level_of(Rounding rounding) { return rounding == Rounding::truncate ? truncate_to_uint8 : round_to_uint8; }

}  // namespace

Tensor image_to_tensor(const Image& image) {
  Tensor tensor({1, kChannels, image.height, image.width});
  const std::size_t pixels = tensor.size() / kChannels;
  if (image.rgb.size() != tensor.size()) {
    throw Error(ErrorCode::internal, "Expected " + std::to_string(tensor.size()) + " bytes in the picture but found " +
                                         std::to_string(image.rgb.size()));
  }
  for (std::size_t c = 0; c < kChannels; ++c) {
    float* plane = tensor.data() + c * pixels;
    // A division, since the reference divides: times 1/255 differs in the last bit.
    for (std::size_t i = 0; i < pixels; ++i) plane[i] = static_cast<float>(image.rgb[i * kChannels + c]) / 255.0F;
  }
  return tensor;
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
  Image image{x.dim(3), x.dim(2), std::vector<std::uint8_t>(element_count({x.dim(2), x.dim(3), kChannels}))};
  const ToLevel to_level = level_of(rounding);
  for (std::size_t c = 0; c < kChannels; ++c) {
    const auto plane = x.plane(batch, static_cast<std::int64_t>(c));
    for (std::size_t i = 0; i < plane.size(); ++i) image.rgb[i * kChannels + c] = to_level(plane[i]);
  }
  return image;
}

}  // namespace diffbir
