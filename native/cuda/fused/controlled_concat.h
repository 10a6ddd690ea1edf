#pragma once

#include <cstdint>

#include "cuda/half.h"

/// What a block of the UNet's decoder reads: the block before it and a skip connection with its control (Zhang et al.
/// 2023), side by side.
namespace diffbir::bodies {

/// Channels that are read and written at once.
constexpr std::int64_t concat_width = 8;

struct alignas(concat_width * sizeof(Half)) HalfVector {
  Half values[concat_width];
};

/// Feature maps in NHWC, of fewer than 2^31 values. `channels` and `skip_channels` come in eights.
struct ControlledConcatInput {
  const HalfVector* x;        // [pixels, channels]
  const HalfVector* skip;     // [skip_pixels, skip_channels], again and again
  const HalfVector* control;  // [pixels, skip_channels]
  const Half* strength;       // one, of the control
  const HalfVector* bias;     // [channels], added to x, or null
  const HalfVector* other;    // [pixels, channels], added to x, or null
  std::int64_t pixels, skip_pixels, channels, skip_channels;
};

/// concat(x + bias + other, skip + strength * control): index pixel * (channels + skip_channels) / 8 + vector.
struct ControlledConcat {
  ControlledConcatInput in;
  HalfVector* out;  // [pixels, channels + skip_channels]

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    // In 32 bits: to divide in 64 would take as long as the memory.
    const auto own = static_cast<std::uint32_t>(in.channels / concat_width);
    const auto skipped = static_cast<std::uint32_t>(in.skip_channels / concat_width);
    const std::uint32_t pixel = static_cast<std::uint32_t>(i) / (own + skipped);
    const std::uint32_t vector = static_cast<std::uint32_t>(i) % (own + skipped);
    float total[concat_width] = {};
    // By value, so that a vector is one load: through a reference it is one for each channel.
    const auto add = [&](const HalfVector values, float factor) {
      for (std::int64_t k = 0; k < concat_width; ++k) total[k] += factor * to_float(values.values[k]);
    };
    if (vector < own) {
      const std::uint32_t place = pixel * own + vector;
      add(in.x[place], 1);
      if (in.bias != nullptr) add(in.bias[vector], 1);
      if (in.other != nullptr) add(in.other[place], 1);
    } else {
      const std::uint32_t in_skip = vector - own;
      add(in.skip[pixel % static_cast<std::uint32_t>(in.skip_pixels) * skipped + in_skip], 1);
      add(in.control[pixel * skipped + in_skip], to_float(*in.strength));
    }
    HalfVector rounded;
    for (std::int64_t k = 0; k < concat_width; ++k) rounded.values[k] = from_float<Half>(total[k]);
    out[i] = rounded;
  }
};

template <typename Launch>
void controlled_concat(const Launch& launch, const ControlledConcatInput& in, HalfVector* out) {
  launch(in.pixels * (in.channels + in.skip_channels) / concat_width, ControlledConcat{in, out});
}

}  // namespace diffbir::bodies
