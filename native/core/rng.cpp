#include "core/rng.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <span>
#include <string>

#include "core/brownian.h"
#include "core/error.h"
#include "core/normals.h"

namespace diffbir {

namespace {

/// normals_from_uniforms() (normals.h) in double precision.
void normals_from_uniforms(std::span<double> values) {
  constexpr std::size_t half = kNormalBlock / 2;
  for (; values.size() >= kNormalBlock; values = values.subspan(kNormalBlock)) {
    for (std::size_t j = 0; j < half; ++j) {
      const double radius = std::sqrt(-2.0 * std::log(1.0 - values[j]));
      const double angle = 2.0 * std::numbers::pi * values[half + j];
      values[j] = radius * std::cos(angle);
      values[half + j] = radius * std::sin(angle);
    }
  }
}

float uniform_of(std::uint32_t word) {
  // By way of a signed integer, whose conversion processors have in vectors.
  return static_cast<float>(static_cast<std::int32_t>(word & 0xFFFFFFU)) * 0x1p-24F;
}

}  // namespace

std::uint64_t TorchGenerator::raw64() {
  const std::uint64_t high = raw();
  return (high << 32) | raw();
}

double TorchGenerator::next_uniform() {
  constexpr std::uint64_t mask = (std::uint64_t{1} << 53) - 1;
  return static_cast<double>(raw64() & mask) * 0x1p-53;
}

void TorchGenerator::fill_uniform(std::span<float> values) {
  while (!values.empty()) {
    const auto words = engine_.take(values.size());
    std::ranges::transform(words, values.begin(), uniform_of);
    values = values.subspan(words.size());
  }
}

void TorchGenerator::fill_uniform(std::span<double> values) {
  for (double& value : values) value = next_uniform();
}

double TorchGenerator::scalar_normal() {
  if (spare_normal_) {
    const double normal = *spare_normal_;
    spare_normal_.reset();
    return normal;
  }
  const double u1 = next_uniform();
  const double u2 = next_uniform();
  const double radius = std::sqrt(-2.0 * std::log1p(-u2));
  const double angle = 2.0 * std::numbers::pi * u1;
  spare_normal_ = radius * std::sin(angle);
  return radius * std::cos(angle);
}

template <typename T>
std::vector<T> TorchGenerator::normals(std::size_t count) {
  std::vector<T> values(count);
  if (count < kNormalBlock) {
    for (T& value : values) value = static_cast<T>(scalar_normal());
    return values;
  }
  const std::span<T> all(values);
  fill_uniform(all);
  normals_from_uniforms(all);
  if (count % kNormalBlock != 0) {
    // torch redraws the whole last block, which overwrites the end of the one before.
    const auto tail = all.last(kNormalBlock);
    fill_uniform(tail);
    normals_from_uniforms(tail);
  }
  return values;
}

std::vector<float> TorchGenerator::rand(std::size_t count) { return uniform(0, 1, count); }

std::vector<float> TorchGenerator::uniform(float low, float high, std::size_t count) {
  std::vector<float> values(count);
  fill_uniform(std::span(values));
  for (float& value : values) value = std::fma(value, high - low, low);  // fused in torch, too
  return values;
}

std::vector<float> TorchGenerator::randn(std::size_t count) { return normals<float>(count); }

std::vector<double> TorchGenerator::randn_double(std::size_t count) { return normals<double>(count); }

std::vector<std::int64_t> TorchGenerator::randperm(std::int64_t count) {
  if (count < 0 || count >= std::numeric_limits<std::uint32_t>::max() / 20) {
    throw Error(ErrorCode::invalid_option, "Expected a count from 0 to 2^32 / 20 for randperm");
  }
  std::vector<std::int64_t> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 0);
  for (std::size_t i = 0; i + 1 < values.size(); ++i) std::swap(values[i], values[i + raw() % (values.size() - i)]);
  return values;
}

std::vector<std::int64_t> TorchGenerator::randint(std::int64_t low, std::int64_t high, std::size_t count) {
  if (low >= high) throw Error(ErrorCode::invalid_option, "Expected low < high for randint");
  // Unsigned arithmetic wraps, so that a range over more than half of int64 is right too.
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  const bool wide = range >= (std::uint64_t{1} << 32);
  std::vector<std::int64_t> values(count);
  for (std::int64_t& value : values) {
    const std::uint64_t draw = (wide ? raw64() : raw()) % range;
    value = static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + draw);
  }
  return values;
}

Tensor TorchNoise::randn(const Shape& shape) { return Tensor(shape, generator_.randn(element_count(shape))); }

BrownianNoise TorchNoise::brownian(const Shape& shape, float sigma_min, float sigma_max, std::vector<NoiseStep> steps) {
  return brownian_noise(shape, sigma_min, sigma_max, std::move(steps), generator_,
                        [](std::size_t count, std::uint32_t seed) { return TorchGenerator(seed).randn(count); });
}

Tensor RecordedNoise::randn(const Shape& shape) {
  if (next_ == draws_.size()) {
    throw Error(ErrorCode::invalid_option,
                "Expected more than " + std::to_string(draws_.size()) + " tensors for noise: all of them are used up");
  }
  if (draws_[next_].shape() != shape) {
    throw Error(ErrorCode::invalid_option, "Expected a tensor of " + to_string(shape) + " for noise[" +
                                               std::to_string(next_) + "] but received one of " +
                                               to_string(draws_[next_].shape()));
  }
  return std::move(draws_[next_++]);
}

BrownianNoise RecordedNoise::brownian(const Shape& shape, float, float, std::vector<NoiseStep>) {
  return [this, shape] { return randn(shape); };
}

}  // namespace diffbir
