// The kernel of window attention against its body on the host.
#include "cuda/fused/window_attention.h"

#include <cstddef>
#include <cstdint>
#include <limits>
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

double difference(const bodies::WindowSizes& sizes, bool is_shifted) {
  const std::int64_t tokens = sizes.windows * sizes.tokens;
  const std::vector<HalfPair> qkv = pairs(halves(1, sizes.pictures * tokens * 3 * sizes.channels()));
  const std::vector<Half> bias = halves(2, 3 * sizes.channels());
  const std::vector<Half> table = halves(3, sizes.heads * sizes.tokens * sizes.tokens);
  std::vector<float> mask(static_cast<std::size_t>(tokens * sizes.tokens));
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = i % 3 == 0 ? -100.0F : 0.0F;
  std::vector<std::int64_t> order(static_cast<std::size_t>(tokens));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>((7 * i + 3) % order.size());

  const auto shifted = [&](const auto* value) { return is_shifted ? value : nullptr; };
  std::vector<HalfPair> want(qkv.size() / 3);
  const bodies::WindowInput on_host{qkv.data(), bias.data(), table.data(), shifted(mask.data()), shifted(order.data())};
  OnCard<HalfPair> card_qkv(qkv);
  OnCard<Half> card_bias(bias);
  OnCard<Half> card_table(table);
  OnCard<float> card_mask(mask);
  OnCard<std::int64_t> card_order(order);
  OnCard<HalfPair> out(want.size());
  const bodies::WindowInput on_card{card_qkv.data(), card_bias.data(), card_table.data(), shifted(card_mask.data()),
                                    shifted(card_order.data())};
  const bool have_kernels = bodies::window_attention(bodies::OnHost{}, on_host, sizes, want.data()) &&
                            fused_window_attention(on_card, sizes, out.data(), nullptr);
  if (!have_kernels) return std::numeric_limits<double>::infinity();
  return largest_difference(floats(out.to_host()), floats(want));
}

}  // namespace

std::vector<Twin> window_twins() {
  constexpr double rounding = 4e-3;  // a step of values from 4 to 8
  std::vector<Twin> twins;
  const auto windows = [&](const std::string& name, const bodies::WindowSizes& sizes, bool is_shifted) {
    twins.push_back({"fused window attention of " + name, rounding, [=] { return difference(sizes, is_shifted); }});
  };
  windows("heads of 30", {1, 50, 64, 6, 30}, false);
  windows("heads of 32, shifted, two pictures", {2, 20, 64, 3, 32}, true);
  windows("heads of 2, shifted", {1, 3, 16, 5, 2}, true);
  return twins;
}

}  // namespace diffbir::cuda
