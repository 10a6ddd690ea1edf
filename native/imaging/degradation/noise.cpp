#include "imaging/degradation/noise.h"

#include <algorithm>
#include <array>
#include <bit>
#include <bitset>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "core/error.h"

namespace diffbir {

namespace {

void require_noise(const Tensor& x, const std::vector<SampleNoise>& noise, const char* where) {
  require_nchw(x, where);
  const bool fits = noise.size() == 1 || noise.size() == static_cast<std::size_t>(x.dim(0));
  if (x.dim(1) != 3 || !fits) {
    throw Error(ErrorCode::internal, std::string("Expected three channels and a noise for each sample for ") + where);
  }
  for (const SampleNoise& sample : noise) {
    if (sample.strength >= 0 && std::isfinite(sample.strength)) continue;
    throw Error(ErrorCode::invalid_option, std::string("Expected a strength of at least 0 for ") + where +
                                               " but received " + std::to_string(sample.strength));
  }
}

const SampleNoise& of_sample(const std::vector<SampleNoise>& noise, std::int64_t sample) {
  return noise[noise.size() == 1 ? 0 : static_cast<std::size_t>(sample)];
}

bool any_gray(const std::vector<SampleNoise>& noise) {
  return std::any_of(noise.begin(), noise.end(), [](const SampleNoise& sample) { return sample.gray; });
}

void add_scaled(std::span<float> values, std::span<const float> noise, float scale) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::clamp(values[i] + noise[i] * scale, 0.0F, 1.0F);
}

/// What a camera of so many levels counted on average, and what its counts mean.
struct Exposure {
  Tensor rounded;             // the picture in 8 bits, in [0,1]
  std::vector<float> levels;  // of each sample
  Tensor rates;               // rounded * levels
};

Exposure expose(const Tensor& x) {
  Exposure exposure{Tensor(x.shape()), {}, Tensor(x.shape())};
  const std::size_t size = x.size() / static_cast<std::size_t>(x.dim(0));
  for (std::size_t begin = 0; begin < x.size(); begin += size) {
    std::bitset<256> seen;
    for (std::size_t i = begin; i < begin + size; ++i) {
      const float level = std::clamp(std::nearbyint(x.data()[i] * 255.0F), 0.0F, 255.0F);
      seen.set(static_cast<std::size_t>(level));
      exposure.rounded.data()[i] = level / 255.0F;
    }
    exposure.levels.push_back(static_cast<float>(std::bit_ceil(seen.count())));
    for (std::size_t i = begin; i < begin + size; ++i) {
      exposure.rates.data()[i] = exposure.rounded.data()[i] * exposure.levels.back();
    }
  }
  return exposure;
}

/// What was counted, as a difference from what should have been.
Tensor shot_noise(const Tensor& x, NoiseDraws& draws) {
  const Exposure exposure = expose(x);
  Tensor noise = draws.poisson(exposure.rates);
  const std::size_t size = x.size() / static_cast<std::size_t>(x.dim(0));
  for (std::size_t i = 0; i < noise.size(); ++i) {
    noise.data()[i] = noise.data()[i] / exposure.levels[i / size] - exposure.rounded.data()[i];
  }
  return noise;
}

/// Luma [B,1,H,W] with BT.601's weights.
Tensor luma_of(const Tensor& x) {
  Tensor luma({x.dim(0), 1, x.dim(2), x.dim(3)});
  for (std::int64_t b = 0; b < x.dim(0); ++b) {
    const auto [red, green, blue] = std::array{x.plane(b, 0), x.plane(b, 1), x.plane(b, 2)};
    const auto out = luma.plane(b, 0);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = 0.2989F * red[i] + 0.587F * green[i] + 0.114F * blue[i];
  }
  return luma;
}

}  // namespace

Tensor add_gaussian_noise(const Tensor& x, const std::vector<SampleNoise>& noise, NoiseDraws& draws) {
  require_noise(x, noise, "add_gaussian_noise");
  Tensor gray;
  if (any_gray(noise)) gray = draws.normal({x.dim(2), x.dim(3)});
  const Tensor color = draws.normal(x.shape());
  Tensor result = x;
  for (std::int64_t b = 0; b < x.dim(0); ++b) {
    const SampleNoise& sample = of_sample(noise, b);
    const auto sigma = static_cast<float>(sample.strength / 255.0);
    for (std::int64_t c = 0; c < 3; ++c) {
      const std::span<const float> normals = sample.gray ? gray.values() : color.plane(b, c);
      add_scaled(result.plane(b, c), normals, sigma);
    }
  }
  return result;
}

Tensor add_poisson_noise(const Tensor& x, const std::vector<SampleNoise>& noise, NoiseDraws& draws) {
  require_noise(x, noise, "add_poisson_noise");
  Tensor gray;
  if (any_gray(noise)) gray = shot_noise(luma_of(x), draws);
  const Tensor color = shot_noise(x, draws);
  Tensor result = x;
  for (std::int64_t b = 0; b < x.dim(0); ++b) {
    const SampleNoise& sample = of_sample(noise, b);
    for (std::int64_t c = 0; c < 3; ++c) {
      const std::span<const float> shots = sample.gray ? std::as_const(gray).plane(b, 0) : color.plane(b, c);
      add_scaled(result.plane(b, c), shots, static_cast<float>(sample.strength));
    }
  }
  return result;
}

}  // namespace diffbir
