#include "imaging/cv/resize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

#include "imaging/resample.h"

namespace diffbir::cv {

namespace {

constexpr std::int64_t channels = 3;
constexpr int weight_bits = 11;

std::int32_t fixed(float weight) {
  return static_cast<std::int32_t>(std::lrint(static_cast<double>(weight * (1 << weight_bits))));
}

/// Where an output pixel looks: the source pixel at or before it, and how far beyond that.
struct Position {
  std::int64_t first;
  float fraction;
};

Position position(std::int64_t in, std::int64_t out, std::int64_t at) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const auto source = static_cast<float>((static_cast<double>(at) + 0.5) * scale - 0.5);
  const float floor = std::floor(source);
  return {static_cast<std::int64_t>(floor), source - floor};
}

/// The taps of one output pixel: sources are repeated at the border, so that there are always as many.
template <std::size_t N>
struct Window {
  std::array<std::int64_t, N> sources;
  std::array<std::int32_t, N> weights;
};

template <std::size_t N, typename Weights>
std::vector<Window<N>> windows(std::int64_t in, std::int64_t out, Weights weights_of) {
  require_size(out);
  std::vector<Window<N>> result;
  for (std::int64_t i = 0; i < out; ++i) {
    const auto [first, fraction] = position(in, out, i);
    const std::array<float, N> weights = weights_of(fraction);
    Window<N> window{};
    for (std::size_t k = 0; k < N; ++k) {
      const std::int64_t source = first + static_cast<std::int64_t>(k) - static_cast<std::int64_t>(N / 2 - 1);
      window.sources[k] = std::clamp<std::int64_t>(source, 0, in - 1);
      window.weights[k] = fixed(weights[k]);
    }
    result.push_back(window);
  }
  return result;
}

/// Rows are resampled when they are first needed and kept while they may be: N of them.
template <std::size_t N, typename Finish>
Image resample(const Image& image, const std::vector<Window<N>>& columns, const std::vector<Window<N>>& rows,
               Finish finish) {
  const std::int64_t width = std::ssize(columns);
  const auto values = static_cast<std::size_t>(width * channels);
  Image result{width, std::ssize(rows), std::vector<std::uint8_t>(values * rows.size())};
  std::array<std::vector<std::int32_t>, N> kept;
  std::array<std::int64_t, N> kept_row;
  kept_row.fill(-1);
  const auto resampled = [&](std::int64_t y) -> const std::vector<std::int32_t>& {
    const auto slot = static_cast<std::size_t>(y) % N;
    std::vector<std::int32_t>& line = kept.at(slot);
    if (kept_row.at(slot) == y) return line;
    kept_row.at(slot) = y;
    line.assign(values, 0);
    const std::uint8_t* source = image.rgb.data() + y * image.width * channels;
    auto target = line.begin();
    for (const Window<N>& window : columns) {
      for (std::int64_t c = 0; c < channels; ++c, ++target) {
        for (std::size_t k = 0; k < N; ++k) *target += window.weights[k] * source[window.sources[k] * channels + c];
      }
    }
    return line;
  };
  std::uint8_t* target = result.rgb.data();
  for (const Window<N>& window : rows) {
    std::array<const std::int32_t*, N> lines;
    for (std::size_t k = 0; k < N; ++k) lines[k] = resampled(window.sources[k]).data();
    for (std::size_t i = 0; i < values; ++i) *target++ = finish(lines, window.weights, i);
  }
  return result;
}

std::array<float, 8> lanczos_weights(float fraction) {
  std::array<float, 8> weights{};
  constexpr std::size_t middle = 3;
  if (fraction < 1e-7F) {
    weights[middle] = 1;
    return weights;
  }
  // sin(pi t) sin(pi t / 4) / t^2 at t = fraction + 3 - k: all have the first factor, up to its sign.
  float sum = 0;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    const double t = static_cast<double>(fraction) + static_cast<double>(middle) - static_cast<double>(k);
    const double sign = k % 2 == 0 ? 1 : -1;
    weights[k] = static_cast<float>(sign * std::sin(std::numbers::pi / 4 * t) / (t * t));
    sum += weights[k];
  }
  for (float& weight : weights) weight /= sum;
  return weights;
}

}  // namespace

Image resize_linear(const Image& image, std::int64_t width, std::int64_t height) {
  const auto weights = [](float fraction) { return std::array{1 - fraction, fraction}; };
  // OpenCV shifts before it adds, as its vector instructions do.
  const auto finish = [](const auto& lines, const auto& w, std::size_t i) {
    const std::int32_t sum = ((w[0] * (lines[0][i] >> 4)) >> 16) + ((w[1] * (lines[1][i] >> 4)) >> 16);
    return static_cast<std::uint8_t>((sum + 2) >> 2);
  };
  return resample<2>(image, windows<2>(image.width, width, weights), windows<2>(image.height, height, weights), finish);
}

Image resize_lanczos4(const Image& image, std::int64_t width, std::int64_t height) {
  const auto finish = [](const auto& lines, const auto& weights, std::size_t i) {
    std::int64_t sum = std::int64_t{1} << (2 * weight_bits - 1);
    for (std::size_t k = 0; k < weights.size(); ++k) sum += std::int64_t{weights[k]} * lines[k][i];
    return static_cast<std::uint8_t>(std::clamp<std::int64_t>(sum >> (2 * weight_bits), 0, 255));
  };
  return resample<8>(image, windows<8>(image.width, width, lanczos_weights),
                     windows<8>(image.height, height, lanczos_weights), finish);
}

}  // namespace diffbir::cv
