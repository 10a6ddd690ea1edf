// The kernels of cuda/fused against the same in double on the host.
#include "cuda/fused/fused.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/half.h"
#include "core/rng.h"
#include "cuda/twins/on_card.h"
#include "cuda/twins/twin.h"

namespace diffbir::cuda {

namespace {

constexpr float kEpsilon = 1e-5F;

using Halves = std::vector<std::uint16_t>;

Halves halves(std::uint64_t seed, std::int64_t count, float mean = 0) {
  Halves result;
  for (const float value : TorchGenerator(seed).randn(static_cast<std::size_t>(count))) {
    result.push_back(float_to_half(value + mean));
  }
  return result;
}

std::vector<float> floats(const Halves& values) {
  std::vector<float> result;
  for (const std::uint16_t value : values) result.push_back(half_to_float(value));
  return result;
}

/// What is normalised, on the card and on the host: rows of channels.
struct Summed {
  OnCard<std::uint16_t> x, skip, bias, sum;
  bool is_sum;
  std::vector<float> expected;

  /// A sum without skip, of x and the bias, stored and rounded or neither.
  void bias_alone(std::int64_t channels, bool is_stored) {
    const Halves a = x.to_host();
    const Halves c = bias.to_host();
    const auto width = static_cast<std::size_t>(channels);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const float total = half_to_float(a[i]) + half_to_float(c[i % width]);
      expected[i] = is_stored ? half_to_float(float_to_half(total)) : total;
    }
    is_bias_alone_ = true;
    is_sum = is_stored;
  }

  Summed(std::int64_t rows, std::int64_t channels, bool is_sum, bool has_bias)
      : Summed(halves(1, rows * channels, 1), halves(2, rows * channels), halves(3, channels), channels, is_sum,
               has_bias) {}

  FusedInput input() {
    if (!is_sum && !is_bias_alone_ && !is_per_picture_) return {x.data()};
    return {x.data(), is_bias_alone_ ? nullptr : skip.data(), has_bias_ ? bias.data() : nullptr,
            is_sum ? sum.data() : nullptr, is_per_picture_};
  }

  /// Of skip the first rows alone, each for a whole picture.
  void skip_once(std::int64_t area, std::int64_t channels, bool is_stored) {
    const Halves a = x.to_host();
    const Halves b = skip.to_host();
    const Halves c = bias.to_host();
    const auto width = static_cast<std::size_t>(channels);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const std::size_t picture = i / width / static_cast<std::size_t>(area);
      const float added = has_bias_ ? half_to_float(c[i % width]) : 0;
      const float total = half_to_float(a[i]) + half_to_float(b[picture * width + i % width]) + added;
      expected[i] = is_stored ? half_to_float(float_to_half(total)) : total;
    }
    is_per_picture_ = true;
    is_sum = is_stored;
  }

 private:
  Summed(const Halves& a, const Halves& b, const Halves& c, std::int64_t channels, bool sums, bool has_bias)
      : x(a), skip(b), bias(c), sum(a.size()), is_sum(sums), expected(floats(a)), has_bias_(has_bias) {
    for (std::size_t i = 0; is_sum && i < a.size(); ++i) {
      const float added = has_bias ? half_to_float(c[i % static_cast<std::size_t>(channels)]) : 0;
      expected[i] = half_to_float(float_to_half(expected[i] + half_to_float(b[i]) + added));
    }
  }
  bool has_bias_;
  bool is_per_picture_ = false;
  bool is_bias_alone_ = false;
};

double silu_of(double value) { return value / (1 + std::exp(-value)); }

/// Infinite where a second run gives other bits, or the sum that was stored is not the sum.
template <typename Run>
double compared(Summed& summed, const std::vector<float>& want, Run run) {
  OnCard<std::uint16_t> y(want.size());
  run(y.data());
  const Halves first = y.to_host();
  run(y.data());
  if (first != y.to_host()) return std::numeric_limits<double>::infinity();
  if (summed.is_sum && largest_difference(floats(summed.sum.to_host()), summed.expected) > 0) {
    return std::numeric_limits<double>::infinity();
  }
  return largest_difference(floats(first), want);
}

double group_norm_difference(const FusedMap& map, bool is_sum, bool has_bias, bool silu, bool per_picture) {
  Summed summed(map.batch * map.area, map.channels, is_sum, has_bias);
  if (has_bias && !is_sum && !per_picture) summed.bias_alone(map.channels, /*is_stored=*/false);
  if (per_picture) summed.skip_once(map.area, map.channels, is_sum);
  const auto channels = static_cast<std::size_t>(map.channels);
  const std::vector<float> gamma = TorchGenerator(4).uniform(0.5F, 1.5F, channels);
  const std::vector<float> beta = TorchGenerator(5).uniform(-0.5F, 0.5F, channels);
  const std::int64_t grouped = map.channels / map.groups;
  std::vector<float> want(summed.expected.size());
  for (std::int64_t item = 0; item < map.batch; ++item) {
    for (std::int64_t group = 0; group < map.groups; ++group) {
      const auto each = [&](auto use) {
        for (std::int64_t pixel = 0; pixel < map.area; ++pixel) {
          for (std::int64_t c = group * grouped; c < (group + 1) * grouped; ++c) {
            use(static_cast<std::size_t>((item * map.area + pixel) * map.channels + c), static_cast<std::size_t>(c));
          }
        }
      };
      const auto count = static_cast<double>(grouped * map.area);
      double mean = 0;
      double variance = 0;
      each([&](std::size_t i, std::size_t) { mean += summed.expected[i] / count; });
      each([&](std::size_t i, std::size_t) { variance += std::pow(summed.expected[i] - mean, 2) / count; });
      each([&](std::size_t i, std::size_t c) {
        const double value = (summed.expected[i] - mean) / std::sqrt(variance + kEpsilon) * gamma[c] + beta[c];
        want[i] = static_cast<float>(silu ? silu_of(value) : value);
      });
    }
  }
  OnCard<float> gammas(gamma);
  OnCard<float> betas(beta);
  OnCard<std::byte> scratch(fused_group_norm_scratch(map));
  return compared(summed, want, [&](std::uint16_t* y) {
    fused_group_norm(summed.input(), map, gammas.data(), betas.data(), kEpsilon, silu, y, scratch.data(), nullptr);
  });
}

double layer_norm_difference(std::int64_t rows, std::int64_t channels, bool is_sum, bool has_bias, bool bias_alone) {
  Summed summed(rows, channels, is_sum, has_bias);
  if (bias_alone) summed.bias_alone(channels, /*is_stored=*/true);
  const Halves gamma = halves(4, channels, 1);
  const Halves beta = halves(5, channels);
  const auto width = static_cast<std::size_t>(channels);
  std::vector<float> want(summed.expected.size());
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    const float* const x = summed.expected.data() + row * width;
    double mean = 0;
    double variance = 0;
    for (std::size_t c = 0; c < width; ++c) mean += x[c] / static_cast<double>(width);
    for (std::size_t c = 0; c < width; ++c) variance += std::pow(x[c] - mean, 2) / static_cast<double>(width);
    for (std::size_t c = 0; c < width; ++c) {
      want[row * width + c] = static_cast<float>(
          (x[c] - mean) / std::sqrt(variance + kEpsilon) * half_to_float(gamma[c]) + half_to_float(beta[c]));
    }
  }
  OnCard<std::uint16_t> gammas(gamma);
  OnCard<std::uint16_t> betas(beta);
  return compared(summed, want, [&](std::uint16_t* y) {
    fused_layer_norm(summed.input(), rows, channels, gammas.data(), betas.data(), kEpsilon, y, nullptr);
  });
}

double geglu_difference(std::int64_t rows, std::int64_t channels) {
  Summed summed(rows, 2 * channels, false, false);
  const Halves bias = halves(4, 2 * channels);
  const auto width = static_cast<std::size_t>(channels);
  std::vector<float> want(static_cast<std::size_t>(rows) * width);
  for (std::size_t i = 0; i < want.size(); ++i) {
    const std::size_t c = i % width;
    const float* const x = summed.expected.data() + i / width * 2 * width;
    const double gate = x[width + c] + half_to_float(bias[width + c]);
    const double gelu = 0.5 * gate * (1 + std::erf(gate / std::sqrt(2.0)));
    want[i] = static_cast<float>((x[c] + half_to_float(bias[c])) * gelu);
  }
  OnCard<std::uint16_t> biases(bias);
  return compared(summed, want,
                  [&](std::uint16_t* y) { fused_geglu(summed.x.data(), biases.data(), rows, channels, y, nullptr); });
}

}  // namespace

std::vector<Twin> fused_twins() {
  constexpr double rounding = 8e-3;          // of values from 8 to 16, half a step
  constexpr double product_rounding = 0.04;  // of those up to 64
  std::vector<Twin> twins;
  const auto group = [&](const std::string& name, const FusedMap& map, bool is_sum, bool has_bias, bool silu,
                         bool per_picture = false) {
    twins.push_back({"fused group norm " + name, rounding,
                     [=] { return group_norm_difference(map, is_sum, has_bias, silu, per_picture); }});
  };
  group("of 320 channels", {2, 2745, 320, 32}, false, false, true);
  group("of 320 channels and a sum", {2, 2745, 320, 32}, true, false, true);
  group("of 1280 channels, a sum and a bias", {3, 64, 1280, 32}, true, true, false);
  group("of 640 channels and one value each", {2, 1024, 640, 32}, true, true, true, true);
  group("of 640 channels and one value each, not stored", {2, 1024, 640, 32}, false, true, true, true);
  group("of 512 channels and a bias alone", {2, 1024, 512, 32}, false, true, true);
  group("of 2560 channels", {1, 300, 2560, 32}, false, false, true);
  group("of 4096 channels", {1, 7, 4096, 32}, true, true, true);
  group("of 128 channels, many parts", {1, 90000, 128, 32}, false, false, true);
  group("of a pixel", {1, 1, 64, 8}, false, false, false);
  const auto layer = [&](const std::string& name, std::int64_t rows, std::int64_t channels, bool is_sum, bool has_bias,
                         bool bias_alone = false) {
    twins.push_back({"fused layer norm " + name, rounding,
                     [=] { return layer_norm_difference(rows, channels, is_sum, has_bias, bias_alone); }});
  };
  for (const std::int64_t channels : {4, 8, 180, 256, 320, 640, 1024, 1280, 1536, 1792, 2048}) {
    layer("of " + std::to_string(channels), 77, channels, false, false);
  }
  layer("of 320 and a sum", 1001, 320, true, false);
  layer("of 1280, a sum and a bias", 1001, 1280, true, true);
  layer("of 180, a sum and a bias", 1001, 180, true, true);
  layer("of 508 and a bias alone", 1001, 508, true, true, true);
  layer("of 320 and a bias alone", 1001, 320, true, true, true);
  for (const std::int64_t channels : {8, 1280, 5120}) {
    twins.push_back({"fused GEGLU of " + std::to_string(channels), product_rounding,
                     [=] { return geglu_difference(77, channels); }});
  }
  return twins;
}

}  // namespace diffbir::cuda
