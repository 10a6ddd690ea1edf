#include "imaging/tiling.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "core/error.h"
#include "imaging/kernels.h"
#include "imaging/on_device.h"

namespace diffbir {
namespace {

std::vector<std::int64_t> window_starts(std::int64_t length, TileSize size) {
  if (length <= size.tile) return {0};
  std::vector<std::int64_t> starts;
  for (std::int64_t start = 0; start <= length - size.tile; start += size.stride) starts.push_back(start);
  if (starts.back() != length - size.tile) starts.push_back(length - size.tile);
  return starts;
}

/// The normal density of deviation 0.1 at (position - peak) / length, the reference's scaling included.
double bell(double position, double peak, double length) {
  constexpr double variance = 0.01;
  const double distance = (position - peak) / length;
  return std::exp(-distance * distance / (2 * variance)) / std::sqrt(2 * std::numbers::pi * variance);
}

/// Tiles for each of the fewest calls that take at most `batch` of them.
std::size_t evened(std::size_t count, std::size_t batch) {
  const std::size_t calls = (count + batch - 1) / batch;
  return (count + calls - 1) / calls;
}

/// sum += weights * tile, weight_sum += weights, at the place of tile number `index` in the output.
void accumulate(Tensor& sum, Tensor& weight_sum, const Tensor& tiles, std::int64_t index,
                const std::vector<float>& weights, std::int64_t y, std::int64_t x) {
  const std::int64_t height = tiles.dim(2);
  const std::int64_t width = tiles.dim(3);
  const auto add_plane = [&](float* target, std::int64_t target_width, auto&& value) {
    for (std::int64_t row = 0; row < height; ++row) {
      float* line = target + (y + row) * target_width + x;
      for (std::int64_t column = 0; column < width; ++column) {
        const std::int64_t i = row * width + column;
        line[column] = blended(line[column], value(i), weights[i]);
      }
    }
  };
  for (std::int64_t batch = 0; batch < sum.dim(0); ++batch) {
    for (std::int64_t channel = 0; channel < sum.dim(1); ++channel) {
      const auto source = tiles.plane(index * sum.dim(0) + batch, channel);
      add_plane(sum.plane(batch, channel).data(), sum.dim(3), [&](std::int64_t i) { return source[i]; });
    }
  }
  add_plane(weight_sum.data(), weight_sum.dim(3), [](std::int64_t) { return 1.0F; });
}

}  // namespace

std::vector<Tile> sliding_windows(std::int64_t height, std::int64_t width, TileSize size) {
  if (size.stride < 1 || size.stride > size.tile) {
    throw Error(ErrorCode::invalid_option, "Expected a tile stride between 1 and the tile size " +
                                               std::to_string(size.tile) + " but received " +
                                               std::to_string(size.stride));
  }
  std::vector<Tile> tiles;
  for (const std::int64_t y : window_starts(height, size)) {
    for (const std::int64_t x : window_starts(width, size)) {
      tiles.push_back({y, x, std::min(size.tile, height), std::min(size.tile, width)});
    }
  }
  return tiles;
}

std::vector<double> gaussian_weights(std::int64_t height, std::int64_t width, BlendCentre centre) {
  const auto h = static_cast<double>(height);
  const auto w = static_cast<double>(width);
  const double peak_row = centre == BlendCentre::reference ? h / 2 : (h - 1) / 2;
  std::vector<double> weights;
  weights.reserve(static_cast<std::size_t>(height * width));
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      weights.push_back(bell(static_cast<double>(y), peak_row, h) * bell(static_cast<double>(x), (w - 1) / 2, w));
    }
  }
  return weights;
}

Tensor blend_tiles(std::int64_t height, std::int64_t width, TileSize size, std::int64_t batch, std::int64_t scale,
                   BlendCentre centre, const TileFunction& tile_outputs) {
  Tensor sum;
  std::optional<on_device::Blend> blend;
  Tensor weight_sum({1, 1, height * scale, width * scale});
  std::vector<float> weights;
  const std::vector<Tile> tiles = sliding_windows(height, width, size);
  const std::size_t step = evened(tiles.size(), static_cast<std::size_t>(std::max<std::int64_t>(1, batch)));
  for (std::size_t first = 0; first < tiles.size(); first += step) {
    const std::size_t left = std::min(step, tiles.size() - first);
    const std::size_t again = blend ? step - left : 0;
    const auto some = std::span(tiles).subspan(first - again, again + left);
    const Tensor outputs = tile_outputs(some);
    if (first == 0) {
      const auto exact = gaussian_weights(some[0].height * scale, some[0].width * scale, centre);
      weights.assign(exact.begin(), exact.end());
    }
    if (outputs.device()) {
      if (!blend) blend.emplace(outputs, std::ssize(some), weights, Size{height * scale, width * scale});
      blend->add(outputs, some.last(left), scale);
      continue;
    }
    if (first == 0) {
      sum = Tensor({outputs.dim(0) / std::ssize(some), outputs.dim(1), height * scale, width * scale});
    }
    for (std::size_t i = 0; i < some.size(); ++i) {
      accumulate(sum, weight_sum, outputs, static_cast<std::int64_t>(i), weights, some[i].y * scale, some[i].x * scale);
    }
  }
  if (blend) return std::move(*blend).take();
  for (std::int64_t batch = 0; batch < sum.dim(0); ++batch) {
    for (std::int64_t channel = 0; channel < sum.dim(1); ++channel) {
      auto plane = sum.plane(batch, channel);
      for (std::size_t i = 0; i < plane.size(); ++i) plane[i] /= weight_sum.data()[i];
    }
  }
  return sum;
}

Tensor cut(const Tensor& x, const Tile& tile) { return cut(x, std::span(&tile, 1)); }

Tensor cut(const Tensor& x, std::span<const Tile> tiles) {
  if (x.device()) return on_device::cut(x, tiles, PadMode::zero);
  const auto [height, width] = std::pair(tiles.front().height, tiles.front().width);
  Tensor result({std::ssize(tiles) * x.dim(0), x.dim(1), height, width});
  for (std::int64_t item = 0; item < result.dim(0); ++item) {
    const Tile& tile = tiles[static_cast<std::size_t>(item / x.dim(0))];
    for (std::int64_t channel = 0; channel < x.dim(1); ++channel) {
      const auto source = x.plane(item % x.dim(0), channel);
      auto target = result.plane(item, channel);
      for (std::int64_t row = 0; row < height; ++row) {
        const auto line = source.subspan((tile.y + row) * x.dim(3) + tile.x, width);
        std::copy(line.begin(), line.end(), target.begin() + row * width);
      }
    }
  }
  return result;
}

void paste(Tensor& whole, const Tensor& part, std::int64_t y, std::int64_t x) {
  if (whole.device()) return on_device::paste(whole, part, y, x);
  for (std::int64_t batch = 0; batch < part.dim(0); ++batch) {
    for (std::int64_t channel = 0; channel < part.dim(1); ++channel) {
      const auto source = part.plane(batch, channel);
      auto target = whole.plane(batch, channel);
      for (std::int64_t row = 0; row < part.dim(2); ++row) {
        const auto line = source.subspan(row * part.dim(3), part.dim(3));
        std::copy(line.begin(), line.end(), target.begin() + (y + row) * whole.dim(3) + x);
      }
    }
  }
}

}  // namespace diffbir
