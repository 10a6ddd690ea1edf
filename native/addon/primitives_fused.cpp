// Layers of cuda/fused whose bodies run on the host, for tests.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "addon/convert.h"
#include "addon/primitives.h"
#include "cuda/fused/controlled_concat.h"
#include "cuda/fused/window_attention.h"
#include "cuda/imaging/bodies/launch.h"

namespace diffbir {

namespace {

constexpr bodies::OnHost on_host;

std::vector<bodies::Half> to_halves(const Tensor& x) {
  std::vector<bodies::Half> halves;
  for (const float value : x.values()) halves.push_back(bodies::from_float<bodies::Half>(value));
  return halves;
}

std::vector<bodies::HalfPair> in_pairs(const std::vector<bodies::Half>& halves) {
  std::vector<bodies::HalfPair> pairs(halves.size() / 2);
  for (std::size_t i = 0; i < halves.size(); ++i) pairs[i / 2].values[i % 2] = halves[i];
  return pairs;
}

/// Of { side, down, across, masked }; null: none.
bodies::WindowShift to_window_shift(Napi::Value value) {
  if (value.IsNull()) return {};
  const Napi::Object given = to_object(value, "shift");
  const auto size = [&](const char* name) { return to_integer(given.Get(name), name, 1, 1024); };
  return {size("side"), size("down"), size("across"), static_cast<float>(to_number(given.Get("masked"), "masked"))};
}

/// windowAttention(qkv, bias, table, shift or null)
Napi::Value window_attention(const Napi::CallbackInfo& info) {
  const Tensor qkv = to_tensor(info[0], "qkv");
  const Tensor bias = to_tensor(info[1], "bias");
  const Tensor table = to_tensor(info[2], "table");
  const bodies::WindowShift shift = to_window_shift(info[3]);
  if (qkv.shape().size() != 3 || table.shape().size() != 3) refuse(info[0], "qkv", "[windows, tokens, 3 channels]");
  const bodies::WindowSizes sizes{qkv.dim(0), qkv.dim(1), table.dim(0), qkv.dim(2) / 3 / table.dim(0)};
  const std::int64_t pairs = sizes.tokens * sizes.tokens;
  const bool fits = bias.size() == static_cast<std::size_t>(qkv.dim(2)) && 3 * sizes.channels() == qkv.dim(2) &&
                    table.size() == static_cast<std::size_t>(sizes.heads * pairs) &&
                    (shift.side == 0 ||
                     (shift.side * shift.side == sizes.tokens && sizes.windows % (shift.down * shift.across) == 0));
  if (!fits) refuse(info[0], "qkv", "windows as the bias, the table and the shift have them");
  const auto qkv_pairs = in_pairs(to_halves(qkv));
  const auto bias_halves = to_halves(bias);
  const auto table_halves = to_halves(table);
  const bodies::WindowInput input{qkv_pairs.data(), bias_halves.data(), table_halves.data()};
  std::vector<bodies::HalfPair> out(qkv_pairs.size() / 3);
  if (!bodies::window_attention(bodies::BlocksOnHost{}, input, sizes, shift, out.data())) {
    refuse(info[0], "qkv", "heads that have a kernel");
  }
  Tensor result({qkv.dim(0), qkv.dim(1), sizes.channels()});
  for (std::size_t i = 0; i < result.size(); ++i) result.data()[i] = bodies::to_float(out[i / 2].values[i % 2]);
  return from_tensor(info.Env(), result);
}

std::vector<bodies::HalfVector> in_vectors(Napi::Value value, const std::string& name) {
  if (value.IsNull()) return {};
  const auto halves = to_halves(to_tensor(value, name));
  if (halves.size() % bodies::concat_width != 0) refuse(value, name, "channels in eights");
  std::vector<bodies::HalfVector> vectors(halves.size() / bodies::concat_width);
  for (std::size_t i = 0; i < halves.size(); ++i) {
    vectors[i / bodies::concat_width].values[i % bodies::concat_width] = halves[i];
  }
  return vectors;
}

/// controlledConcat(x, skip, control, strength, bias or null, other or null)
Napi::Value controlled_concat(const Napi::CallbackInfo& info) {
  const Shape x = to_tensor(info[0], "x").shape();
  const Shape skip = to_tensor(info[1], "skip").shape();
  if (x.size() != 4 || skip.size() != 4) refuse(info[0], "x", "[N, h, w, C], as the skip connection");
  const auto values = in_vectors(info[0], "x");
  const auto skipped = in_vectors(info[1], "skip");
  const auto control = in_vectors(info[2], "control");
  const auto strength = bodies::from_float<bodies::Half>(static_cast<float>(to_number(info[3], "strength")));
  const auto bias = in_vectors(info[4], "bias");
  const auto other = in_vectors(info[5], "other");
  const std::int64_t area = x[1] * x[2];
  const bodies::ControlledConcatInput input{values.data(),
                                            skipped.data(),
                                            control.data(),
                                            &strength,
                                            bias.empty() ? nullptr : bias.data(),
                                            other.empty() ? nullptr : other.data(),
                                            x[0] * area,
                                            skip[0] * area,
                                            x[3],
                                            skip[3]};
  const auto vectors = [](std::int64_t pixels, std::int64_t channels) {
    return static_cast<std::size_t>(pixels * channels / bodies::concat_width);
  };
  const bool fits = skip[1] == x[1] && skip[2] == x[2] && x[0] % skip[0] == 0 &&
                    control.size() == vectors(input.pixels, input.skip_channels) &&
                    (bias.empty() || bias.size() == vectors(1, input.channels)) &&
                    (other.empty() || other.size() == values.size());
  if (!fits) refuse(info[1], "skip", "what fits x, as the control, the bias and the other");
  Tensor result({x[0], x[1], x[2], x[3] + skip[3]});
  std::vector<bodies::HalfVector> out(result.size() / bodies::concat_width);
  bodies::controlled_concat(on_host, input, out.data());
  for (std::size_t i = 0; i < result.size(); ++i) {
    result.data()[i] = bodies::to_float(out[i / bodies::concat_width].values[i % bodies::concat_width]);
  }
  return from_tensor(info.Env(), result);
}

}  // namespace

void add_fused_kernels(Napi::Object kernels) {
  set_function(kernels, "windowAttention", window_attention);
  set_function(kernels, "controlledConcat", controlled_concat);
}

}  // namespace diffbir
