// The kernel of window attention against its body on the host.
#include "cuda/fused/window_attention.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/rng.h"
#include "cuda/fused/fused.h"
#include "cuda/twins/on_card.h"
#include "cuda/twins/twin.h"

namespace diffbir::cuda {

namespace {

using bodies::Half;
using bodies::HalfPair;

std::vector<Half> halves(std::uint64_t seed, std::int64_t count) {
  std::vector<Half> result;
  for (const float value : TorchGenerator(seed).randn(static_cast<std::size_t>(count))) {
    result.push_back(bodies::from_float<Half>(value));
  }
  return result;
}

std::vector<HalfPair> pairs(const std::vector<Half>& values) {
  std::vector<HalfPair> result(values.size() / 2);
  for (std::size_t i = 0; i < values.size(); ++i) result[i / 2].values[i % 2] = values[i];
  return result;
}

std::vector<float> floats(const std::vector<HalfPair>& values) {
  std::vector<float> result;
  for (const HalfPair& pair : values) {
    for (const Half half : pair.values) result.push_back(bodies::to_float(half));
  }
  return result;
}

/// A grid of windows, in which they are shifted. Without a side they are not.
double difference(const bodies::WindowSizes& sizes, const bodies::WindowShift& shift) {
  const std::int64_t tokens = sizes.windows * sizes.tokens;
  const std::vector<HalfPair> qkv = pairs(halves(1, tokens * 3 * sizes.channels()));
  const std::vector<Half> bias = halves(2, 3 * sizes.channels());
  const std::vector<Half> table = halves(3, sizes.heads * sizes.tokens * sizes.tokens);
  std::vector<HalfPair> want(qkv.size() / 3);
  const bodies::WindowInput on_host{qkv.data(), bias.data(), table.data()};
  OnCard<HalfPair> card_qkv(qkv);
  OnCard<Half> card_bias(bias);
  OnCard<Half> card_table(table);
  OnCard<HalfPair> out(want.size());
  const bodies::WindowInput on_card{card_qkv.data(), card_bias.data(), card_table.data()};
  const bool have_kernels = bodies::window_attention(bodies::BlocksOnHost{}, on_host, sizes, shift, want.data()) &&
                            fused_window_attention(on_card, sizes, shift, out.data(), nullptr);
  if (!have_kernels) return std::numeric_limits<double>::infinity();
  return largest_difference(floats(out.to_host()), floats(want));
}

}  // namespace

std::vector<Twin> window_twins() {
  constexpr double rounding = 4e-3;  // a step of values from 4 to 8
  constexpr float never = -std::numeric_limits<float>::infinity();
  std::vector<Twin> twins;
  const auto windows = [&](const std::string& name, const bodies::WindowSizes& sizes,
                           const bodies::WindowShift& shift) {
    twins.push_back({"fused window attention of " + name, rounding, [=] { return difference(sizes, shift); }});
  };
  windows("heads of 30", {50, 64, 6, 30}, {});
  windows("heads of 30, shifted, two pictures (SwinIR)", {40, 64, 6, 30}, {8, 4, 5, -100.0F});
  windows("heads of 32, shifted (SCUNet)", {12, 64, 2, 32}, {8, 4, 3, never});
  windows("heads of 32, one window, shifted", {1, 64, 3, 32}, {8, 1, 1, never});
  windows("heads of 2, shifted", {6, 16, 5, 2}, {4, 3, 2, -100.0F});
  windows("windows of 144 tokens, shifted", {4, 144, 2, 30}, {12, 2, 2, -100.0F});
  return twins;
}

}  // namespace diffbir::cuda
