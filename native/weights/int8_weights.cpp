#include "weights/int8_weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <numeric>

#include "core/error.h"
#include "core/split_work.h"

namespace diffbir {
namespace {

constexpr std::size_t alignment = 64;

/// Weights that are worth a thread.
constexpr std::size_t least_packed = std::size_t{1} << 17;

// Loops over so many numbers at once are vectors to every compiler.
constexpr std::size_t lanes = 16;

struct Quantized {
  float scale;  // NaN where a weight is not finite
  std::int32_t sum;
};

/// Rounds to multiples of a scale, of which the largest value has 127.
Quantized quantize(const std::vector<float>& values, std::vector<std::int8_t>& bytes) {
  // Added to a number of -127..127 it leaves the nearest integer in the low byte.
  constexpr float rounder = 12582912.0F;  // 1.5 * 2^23
  float largest[lanes] = {};
  float broken[lanes] = {};  // NaN as soon as one weight is not finite, which a comparison would hide
  for (std::size_t i = 0; i < values.size(); i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const float magnitude = std::fabs(values[i + lane]);
      largest[lane] = magnitude > largest[lane] ? magnitude : largest[lane];
      broken[lane] += values[i + lane] * 0.0F;
    }
  }
  const float all_largest = *std::max_element(largest, largest + lanes);
  const float all_broken = std::accumulate(broken, broken + lanes, 0.0F);
  const float inverse = all_largest > std::numeric_limits<float>::min() ? 127.0F / all_largest : 0.0F;
  std::int32_t sums[lanes] = {};
  for (std::size_t i = 0; i < values.size(); i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const auto byte =
          static_cast<std::int8_t>(std::bit_cast<std::int32_t>(values[i + lane] * inverse + rounder) & 0xFF);
      bytes[i + lane] = byte;
      sums[lane] += byte;
    }
  }
  return {all_largest / 127.0F + all_broken, std::accumulate(sums, sums + lanes, 0)};
}

std::size_t dim_or_one(const Shape& shape, std::size_t axis) {
  return axis < shape.size() ? static_cast<std::size_t>(shape[axis]) : 1;
}

}  // namespace

void Int8Weights::FreeAligned::operator()(std::int8_t* bytes) const noexcept {
  ::operator delete[](bytes, std::align_val_t{alignment});
}

Int8Weights::Int8Weights(const WeightView& weight, int threads)
    : outputs_(dim_or_one(weight.shape, 0)),
      inputs_(dim_or_one(weight.shape, 1)),
      kernel_height_(dim_or_one(weight.shape, 2)),
      kernel_width_(dim_or_one(weight.shape, 3)) {
  if (weight.shape.size() != 2 && weight.shape.size() != 4) {
    throw Error(ErrorCode::model_mismatch,
                "Expected the weight of a linear layer or a convolution but it is " + to_string(weight.shape));
  }
  groups_per_tap_ = std::max<std::size_t>(1, (inputs_ + largest_group - 1) / largest_group);
  const std::size_t even = (inputs_ + groups_per_tap_ - 1) / groups_per_tap_;
  group_ = (even + depth - 1) / depth * depth;

  const std::size_t count = panels() * taps() * groups_per_tap_;
  bytes_.reset(static_cast<std::int8_t*>(::operator new[](count* group_* panel_width, std::align_val_t{alignment})));
  std::memset(bytes_.get(), 0, count * group_ * panel_width);
  scales_.resize(count * panel_width);
  sums_.resize(count * panel_width);

  const std::size_t row = inputs_ * taps();
  const bool as_it_lies = weight.dtype == DType::float32 && weight.contiguous() && weight.aligned();
  const std::vector<float> converted = as_it_lies ? std::vector<float>() : weight.to_float32(threads);
  const float* values = as_it_lies ? reinterpret_cast<const float*>(weight.data) : converted.data();
  // By panels, whose outputs lie in the same lines of a cache.
  const std::size_t least = (least_packed + panel_width * row - 1) / std::max<std::size_t>(1, panel_width * row);
  split_work(panels(), least, threads, [&](std::size_t first, std::size_t end) {
    const std::size_t behind = std::min(outputs_, end * panel_width);
    for (std::size_t output = first * panel_width; output < behind; ++output) {
      pack_output(output, values + output * row);
    }
  });
}

void Int8Weights::pack_output(std::size_t output, const float* weights) {
  const std::size_t panel = output / panel_width;
  const std::size_t lane = output % panel_width;
  // Whole vectors, zeros behind the last input.
  std::vector<float> values((group_ + lanes - 1) / lanes * lanes);
  std::vector<std::int8_t> bytes(values.size());
  for (std::size_t tap = 0; tap < taps(); ++tap) {
    for (std::size_t group = 0; group < groups_per_tap_; ++group) {
      const std::size_t first = group * group_;
      const std::size_t count = std::min(group_, inputs_ - std::min(inputs_, first));
      for (std::size_t i = 0; i < count; ++i) values[i] = weights[(first + i) * taps() + tap];
      std::fill(values.begin() + static_cast<std::ptrdiff_t>(count), values.end(), 0.0F);

      const Quantized quantized = quantize(values, bytes);
      const std::size_t at = index(panel, tap, group);
      scales_[at * panel_width + lane] = quantized.scale;
      sums_[at * panel_width + lane] = quantized.scale * static_cast<float>(quantized.sum);
      std::int8_t* out = bytes_.get() + at * group_ * panel_width + lane * depth;
      for (std::size_t k = 0; k < group_ / depth; ++k) {
        std::memcpy(out + k * panel_width * depth, bytes.data() + k * depth, depth);
      }
    }
  }
}

}  // namespace diffbir
