#include "diffusion/edge_weight.h"

#include <cstddef>

#include "core/each.h"
#include "core/error.h"
#include "diffusion/edge_kernels.h"

namespace diffbir {

Tensor edge_weight(const Tensor& image) {
  require_nchw(image, "edge_weight");
  const std::int64_t height = image.dim(2);
  const std::int64_t width = image.dim(3);
  if (image.dim(1) != 3 || height % 2 != 0 || width % 2 != 0) {
    throw Error(ErrorCode::internal,
                "Expected three channels and even sides for edge_weight but received " + to_string(image.shape()));
  }
  Device* const device = image.device().get();
  Tensor grey({image.dim(0), 1, height, width}, image.device());
  const auto area = static_cast<std::size_t>(height * width);
  for (std::size_t place = 0; place < grey.size(); place += area) {
    const float* const red = image.data() + 3 * place;
    each_value(device, Grey{}, area, grey.data() + place, red, red + area, red + 2 * area);
  }
  Tensor weight = zeros_like(grey);
  const std::int64_t blocks = image.dim(0) * (height / 2) * (width / 2);
  for_each_index(device, EdgeBlocks{grey.data(), weight.data(), height, width}, blocks);
  return weight;
}

Tensor latent_edge_weight(const Tensor& image, std::int64_t cell) {
  const Tensor pixels = edge_weight(image);
  if (cell < 1 || pixels.dim(2) % cell != 0 || pixels.dim(3) % cell != 0) {
    throw Error(ErrorCode::internal,
                "Expected sides divisible by the cell for latent_edge_weight but received " + to_string(image.shape()));
  }
  Tensor weight({pixels.dim(0), 1, pixels.dim(2) / cell, pixels.dim(3) / cell}, image.device());
  const auto cells = static_cast<std::int64_t>(weight.size());
  for_each_index(image.device().get(), CellMeans{pixels.data(), weight.data(), cell, weight.dim(3)}, cells);
  return weight;
}

}  // namespace diffbir
