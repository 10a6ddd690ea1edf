// The kernels of products in 8 bits, each set that this processor runs by its name.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "addon/convert.h"
#include "addon/primitives.h"
#include "runtime/int8/kernel.h"

namespace diffbir {

namespace {

using runtime::int8::Affine;
using runtime::int8::Kernels;

std::size_t to_group(Napi::Value value) {
  const auto group = static_cast<std::size_t>(to_integer(value, "group", 1, Int8Weights::largest_group));
  if (group % Int8Weights::depth != 0) refuse(value, "group", "a multiple of 4");
  return group;
}

std::vector<float> to_base(Napi::Value value, const std::vector<float>& values) {
  if (value.IsUndefined()) return {};
  std::vector<float> base = to_floats(value, "base");
  if (base.size() != values.size()) refuse(value, "base", "as many numbers as values");
  return base;
}

Napi::Object from_quantized(Napi::Env env, const std::vector<std::uint8_t>& bytes, const std::vector<Affine>& affines) {
  std::vector<float> scales;
  std::vector<float> offsets;
  for (const Affine& affine : affines) {
    scales.push_back(affine.scale);
    offsets.push_back(affine.offset);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("bytes", from_bytes(env, bytes));
  result.Set("scales", from_floats(env, scales));
  result.Set("offsets", from_floats(env, offsets));
  return result;
}

/// multiply(rows, group, weights, affines, scales, sums): rows [count, group], weights of a panel as Int8Weights has
/// them, scale and offset of each row, scale and sum of each output -> [count, outputs of a panel]
Napi::Value multiply(const Kernels& kernels, const Napi::CallbackInfo& info) {
  constexpr std::size_t width = Int8Weights::panel_width;
  const std::vector<std::uint8_t> rows = to_bytes(info[0], "rows");
  const std::size_t group = to_group(info[1]);
  const std::vector<std::uint8_t> bytes = to_bytes(info[2], "weights");
  const std::vector<std::int8_t> weights(bytes.begin(), bytes.end());
  const std::vector<float> affines = to_floats(info[3], "affines");
  const std::vector<float> scales = to_floats(info[4], "scales");
  const std::vector<float> weight_sums = to_floats(info[5], "sums");
  const std::size_t count = rows.size() / group;
  if (count < 1 || count > runtime::int8::rows_at_once || rows.size() != count * group) {
    refuse(info[0], "rows", "one to six groups");
  }
  if (weights.size() != group * width || affines.size() != 2 * count || scales.size() != width ||
      weight_sums.size() != width) {
    refuse(info[2], "weights", "64 outputs, with a scale and a sum each");
  }
  runtime::int8::Tile tile{.rows = {},
                           .affine = {},
                           .count = count,
                           .weights = weights.data(),
                           .weight_scales = scales.data(),
                           .weight_sums = weight_sums.data(),
                           .group = group};
  for (std::size_t row = 0; row < count; ++row) {
    tile.rows[row] = rows.data() + row * group;
    tile.affine[row] = {affines[2 * row], affines[2 * row + 1]};
  }
  std::vector<float> sums(count * width, 1.0F);
  kernels.multiply(tile, sums.data());
  return from_floats(info.Env(), sums);
}

/// quantizeRow(values, base?, group)
Napi::Value quantize_row(const Kernels& kernels, const Napi::CallbackInfo& info) {
  const std::vector<float> values = to_floats(info[0], "values");
  const std::vector<float> base = to_base(info[1], values);
  const std::size_t group = to_group(info[2]);
  if (values.size() > group) refuse(info[0], "values", "no more than the group");
  std::vector<std::uint8_t> bytes(group, 1);
  const Affine affine =
      kernels.quantize_row(values.data(), base.empty() ? nullptr : base.data(), values.size(), group, bytes.data());
  return from_quantized(info.Env(), bytes, {affine});
}

/// quantizePixels(values, base?, pixels, group): values [channels, pixels] -> bytes [pixels, group]
Napi::Value quantize_pixels(const Kernels& kernels, const Napi::CallbackInfo& info) {
  const std::vector<float> values = to_floats(info[0], "values");
  const std::vector<float> base = to_base(info[1], values);
  const auto pixels = static_cast<std::size_t>(to_integer(info[2], "pixels", 1, 1 << 16));
  const std::size_t group = to_group(info[3]);
  const std::size_t channels = values.size() / pixels;
  if (channels > group || values.size() != channels * pixels) refuse(info[0], "values", "channels of so many pixels");
  std::vector<std::uint8_t> bytes(pixels * group, 1);
  std::vector<Affine> affines(pixels);
  kernels.quantize_pixels(values.data(), base.empty() ? nullptr : base.data(), pixels, pixels, channels, group,
                          bytes.data(), group, affines.data(), 1);
  return from_quantized(info.Env(), bytes, affines);
}

}  // namespace

void add_int8_primitives(Napi::Object primitives) {
  Napi::Object sets = Napi::Object::New(primitives.Env());
  for (const Kernels* const kernels :
       {&runtime::int8::portable_kernels(), runtime::int8::avx2_kernels(), runtime::int8::avx512_kernels()}) {
    if (!kernels) continue;
    Napi::Object set = Napi::Object::New(primitives.Env());
    set_function(set, "multiply", [kernels](const Napi::CallbackInfo& info) { return multiply(*kernels, info); });
    set_function(set, "quantizeRow",
                 [kernels](const Napi::CallbackInfo& info) { return quantize_row(*kernels, info); });
    set_function(set, "quantizePixels",
                 [kernels](const Napi::CallbackInfo& info) { return quantize_pixels(*kernels, info); });
    sets.Set(kernels->name, set);
  }
  primitives.Set("int8", sets);
}

}  // namespace diffbir
