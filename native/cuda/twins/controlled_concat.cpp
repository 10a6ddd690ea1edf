// The kernel of the UNet's concatenations against its body on the host.
#include "cuda/fused/controlled_concat.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/rng.h"
#include "cuda/fused/fused.h"
#include "cuda/imaging/bodies/launch.h"
#include "cuda/twins/on_card.h"
#include "cuda/twins/twin.h"

namespace diffbir::cuda {

namespace {

using bodies::Half;
using bodies::HalfVector;

std::vector<HalfVector> vectors(std::uint64_t seed, std::int64_t count) {
  const std::vector<float> values = TorchGenerator(seed).randn(static_cast<std::size_t>(count));
  std::vector<HalfVector> result(values.size() / bodies::concat_width);
  for (std::size_t i = 0; i < values.size(); ++i) {
    result[i / bodies::concat_width].values[i % bodies::concat_width] = bodies::from_float<Half>(values[i]);
  }
  return result;
}

std::vector<float> floats(const std::vector<HalfVector>& values) {
  std::vector<float> result;
  for (const HalfVector& vector : values) {
    for (const Half half : vector.values) result.push_back(bodies::to_float(half));
  }
  return result;
}

struct Sizes {
  std::int64_t pixels, skip_pixels, channels, skip_channels;
};

double difference(const Sizes& sizes, bool has_bias, bool has_other) {
  const auto [pixels, skip_pixels, channels, skip_channels] = sizes;
  const auto x = vectors(1, pixels * channels);
  const auto skip = vectors(2, skip_pixels * skip_channels);
  const auto control = vectors(3, pixels * skip_channels);
  const auto bias = vectors(4, channels);
  const auto other = vectors(5, pixels * channels);
  const std::vector<Half> strength{bodies::from_float<Half>(0.9F)};
  const auto if_there = [](bool is_there, const HalfVector* value) { return is_there ? value : nullptr; };
  std::vector<HalfVector> want(x.size() + control.size());
  bodies::controlled_concat(bodies::OnHost{},
                            {x.data(), skip.data(), control.data(), strength.data(), if_there(has_bias, bias.data()),
                             if_there(has_other, other.data()), pixels, skip_pixels, channels, skip_channels},
                            want.data());
  OnCard<HalfVector> card_x(x);
  OnCard<HalfVector> card_skip(skip);
  OnCard<HalfVector> card_control(control);
  OnCard<HalfVector> card_bias(bias);
  OnCard<HalfVector> card_other(other);
  OnCard<Half> card_strength(strength);
  OnCard<HalfVector> out(want.size());
  fused_controlled_concat(
      {card_x.data(), card_skip.data(), card_control.data(), card_strength.data(), if_there(has_bias, card_bias.data()),
       if_there(has_other, card_other.data()), pixels, skip_pixels, channels, skip_channels},
      out.data(), nullptr);
  return largest_difference(floats(out.to_host()), floats(want));
}

}  // namespace

std::vector<Twin> concat_twins() {
  constexpr double rounding = 4e-3;  // a step of values from 4 to 8
  std::vector<Twin> twins;
  const auto concat = [&](const std::string& name, const Sizes& sizes, bool has_bias, bool has_other) {
    twins.push_back({"fused concatenation " + name, rounding, [=] { return difference(sizes, has_bias, has_other); }});
  };
  concat("of 640 and 320 channels", {2 * 4096, 2 * 4096, 640, 320}, false, false);
  concat("of 320 and 320, sums, both prompts with one skip connection", {4 * 777, 2 * 777, 320, 320}, true, true);
  concat("of 640 and 640 and a bias", {2 * 1024, 2 * 1024, 640, 640}, true, false);
  concat("of 1280 and 640 and another map", {2 * 256, 256, 1280, 640}, false, true);
  concat("of a pixel", {1, 1, 8, 16}, true, true);
  return twins;
}

}  // namespace diffbir::cuda
