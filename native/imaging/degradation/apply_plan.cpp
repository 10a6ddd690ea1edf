#include <algorithm>
#include <cmath>
#include <utility>

#include "core/image.h"
#include "imaging/degradation/jpeg.h"
#include "imaging/degradation/plan.h"
#include "imaging/pixels.h"

namespace diffbir {

namespace {

/// Applies one operation.
struct Apply {
  Tensor x;
  NoiseDraws& draws;
  const CancellationToken& token;

  Tensor operator()(const Sharpen&) const { return sharpen(x, token); }
  Tensor operator()(const Filter& filter) const { return filter2d(x, filter.kernels, token); }
  Tensor operator()(const ResizeTo& resize) const {
    const auto [height, width] = resize.size;
    return resize.mode ? interpolate(x, height, width, *resize.mode) : resize_linear_cv2(x, height, width);
  }
  Tensor operator()(const ResizeBy& resize) const { return interpolate_by(x, resize.scale, resize.mode); }
  Tensor operator()(const GaussianNoise& noise) const { return add_gaussian_noise(x, noise.samples, draws); }
  Tensor operator()(const PoissonNoise& noise) const { return add_poisson_noise(x, noise.samples, draws); }
  Tensor operator()(const DiffJpeg& codec) const {
    return diff_jpeg(x, codec.quality, codec.luminance, codec.rounding);
  }
  Tensor operator()(const Jpeg& codec) const { return jpeg(x, codec.quality); }
  Tensor operator()(const Clamp&) {
    for (float& value : x.values()) value = std::clamp(value, 0.0F, 1.0F);
    return std::move(x);
  }
  Tensor operator()(const Quantize&) {
    for (float& value : x.values()) value = std::clamp(std::nearbyint(value * 255.0F), 0.0F, 255.0F) / 255.0F;
    return std::move(x);
  }
};

}  // namespace

Tensor apply_plan(const Plan& plan, Tensor x, NoiseDraws& draws, const CancellationToken& token) {
  for (const Operation& operation : plan) {
    token.check();
    x = std::visit(Apply{std::move(x), draws, token}, operation);
  }
  return x;
}

Image degrade(const Image& image, const Recipe& recipe, std::uint64_t seed, const CancellationToken& token) {
  TorchGenerator generator(seed);
  const Plan plan = draw_plan(recipe, {image.height, image.width}, generator);
  GeneratedDraws draws(generator);
  return tensor_to_image(apply_plan(plan, image_to_tensor(image), draws, token), 0, Rounding::nearest);
}

}  // namespace diffbir
