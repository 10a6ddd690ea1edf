// The bodies of the CUDA kernels, run in loops on the host: their indices are tested without a GPU.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "addon/convert.h"
#include "addon/primitives.h"
#include "cuda/imaging/bodies/adain.h"
#include "cuda/imaging/bodies/pixels.h"
#include "cuda/imaging/bodies/resize.h"
#include "cuda/imaging/bodies/tiles.h"
#include "cuda/imaging/bodies/wavelet.h"
#include "cuda/norm/bodies.h"
#include "imaging/tiling.h"

namespace diffbir {

namespace {

constexpr std::int64_t kMaxSide = std::int64_t{1} << 14;
constexpr bodies::OnHost on_host;

std::int64_t to_side(Napi::Value value, const std::string& name) { return to_integer(value, name, 1, kMaxSide); }

Tensor to_nchw(Napi::Value value, const std::string& name) {
  Tensor x = to_tensor(value, name);
  require_nchw(x, name);
  return x;
}

Size size_of(const Tensor& x) { return {x.dim(2), x.dim(3)}; }
std::int64_t planes_of(const Tensor& x) { return x.dim(0) * x.dim(1); }

Tile to_tile(Napi::Value value, const std::string& name) {
  const std::vector<std::int32_t> numbers = to_int32s(value, name);
  if (numbers.size() != 4 || numbers[0] < 0 || numbers[1] < 0 || numbers[2] < 1 || numbers[3] < 1) {
    refuse(value, name, "y, x, height and width of a tile");
  }
  return {numbers[0], numbers[1], numbers[2], numbers[3]};
}

/// At least one, all of one size.
std::vector<Tile> to_tiles(Napi::Value value, const std::string& name) {
  const Napi::Array array = to_array(value, name);
  std::vector<Tile> tiles;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    tiles.push_back(to_tile(array.Get(i), name + "[" + std::to_string(i) + "]"));
    if (tiles[i].height != tiles[0].height || tiles[i].width != tiles[0].width) {
      refuse(array.Get(i), name, "tiles of one size");
    }
  }
  if (tiles.empty()) refuse(value, name, "one tile or more");
  return tiles;
}

Napi::Value image_to_tensor(const Napi::CallbackInfo& info) {
  const Image image = to_image(info[0], "image");
  const std::vector<Tile> tiles = to_tiles(info[1], "tiles");
  for (const Tile& tile : tiles) {
    const bool inside = tile.y + tile.height <= image.height && tile.x + tile.width <= image.width;
    if (!inside) refuse(info[1], "tiles", "tiles inside the picture");
  }
  Tensor out({std::ssize(tiles), 3, tiles[0].height, tiles[0].width});
  bodies::image_to_tensor(on_host, image.rgb.data(), {image.height, image.width}, tiles.data(), std::ssize(tiles),
                          out.data());
  return from_tensor(info.Env(), out);
}

Napi::Value tensor_to_image(const Napi::CallbackInfo& info) {
  const Tensor x = to_nchw(info[0], "x");
  if (planes_of(x) != 3) refuse(info[0], "x", "one picture of three channels");
  const Rounding rounding = to_text(info[1], "rounding") == "nearest" ? Rounding::nearest : Rounding::truncate;
  Image image{x.dim(3), x.dim(2), std::vector<std::uint8_t>(x.size())};
  bodies::tensor_to_image(on_host, x.data(), size_of(x), rounding, image.rgb.data());
  return from_image(info.Env(), image);
}

Napi::Value to_signed(const Napi::CallbackInfo& info) {
  Tensor x = to_tensor(info[0], "x");
  bodies::to_signed(on_host, x.data(), static_cast<std::int64_t>(x.size()), x.data());
  return from_tensor(info.Env(), x);
}

Napi::Value to_unsigned(const Napi::CallbackInfo& info) {
  Tensor x = to_tensor(info[0], "x");
  bodies::to_unsigned(on_host, x.data(), static_cast<std::int64_t>(x.size()), x.data());
  return from_tensor(info.Env(), x);
}

Napi::Value cut_tiles(const Napi::CallbackInfo& info) {
  const Tensor x = to_nchw(info[0], "x");
  const std::vector<Tile> tiles = to_tiles(info[1], "tiles");
  const PadMode mode = to_text(info[2], "padding") == "zero" ? PadMode::zero : PadMode::reflect;
  Tensor out({std::ssize(tiles) * x.dim(0), x.dim(1), tiles[0].height, tiles[0].width});
  bodies::cut_tiles(on_host, x.data(), planes_of(x), size_of(x), tiles.data(), std::ssize(tiles), mode, out.data());
  return from_tensor(info.Env(), out);
}

/// Blends given outputs [n B,C,scale h,scale w] of all tiles, `batch` at a time.
Napi::Value blend_tiles(const Napi::CallbackInfo& info) {
  const std::int64_t scale = to_integer(info[4], "scale", 1, 64);
  const Size size{to_side(info[0], "height"), to_side(info[1], "width")};
  const auto tiles = sliding_windows(size.height, size.width, {to_side(info[2], "tile"), to_side(info[3], "stride")});
  const Tensor outputs = to_nchw(info[5], "outputs");
  const std::int64_t batch = to_side(info[6], "batch");
  const std::int64_t count = std::ssize(tiles);
  const bool fits = outputs.dim(0) % count == 0 && outputs.dim(2) == tiles[0].height * scale &&
                    outputs.dim(3) == tiles[0].width * scale;
  if (!fits) refuse(info[5], "outputs", "the outputs of all tiles");
  const auto exact = gaussian_weights(outputs.dim(2), outputs.dim(3), BlendCentre::middle);
  const std::vector<float> weights(exact.begin(), exact.end());
  const Size whole{size.height * scale, size.width * scale};
  Tensor sum({outputs.dim(0) / count, outputs.dim(1), whole.height, whole.width});
  Tensor weight_sum({1, 1, whole.height, whole.width});
  const std::int64_t values = static_cast<std::int64_t>(outputs.size()) / count;
  for (std::int64_t first = 0; first < count; first += batch) {
    bodies::add_tiles(on_host, outputs.data() + first * values, weights.data(), tiles.data() + first,
                      std::min(batch, count - first), scale, sum.data(), weight_sum.data(), planes_of(sum), whole);
  }
  bodies::divide_by_weights(on_host, sum.data(), weight_sum.data(), planes_of(sum), whole);
  return from_tensor(info.Env(), sum);
}

Napi::Value paste(const Napi::CallbackInfo& info) {
  const Tensor part = to_nchw(info[0], "part");
  const Tile own = to_tile(info[1], "own");
  Tensor whole = to_nchw(info[2], "whole");
  const std::int64_t y = to_integer(info[3], "y", 0, kMaxSide);
  const std::int64_t x = to_integer(info[4], "x", 0, kMaxSide);
  const bool fits = planes_of(part) == planes_of(whole) && own.y + own.height <= part.dim(2) &&
                    own.x + own.width <= part.dim(3) && y + own.height <= whole.dim(2) && x + own.width <= whole.dim(3);
  if (!fits) refuse(info[1], "own", "a part of both");
  bodies::paste(on_host, part.data(), size_of(part), own, whole.data(), size_of(whole), y, x, planes_of(part));
  return from_tensor(info.Env(), whole);
}

Napi::Value resize_bicubic_antialias(const Napi::CallbackInfo& info) {
  const Tensor x = to_nchw(info[0], "x");
  const Size to{to_side(info[1], "height"), to_side(info[2], "width")};
  Tensor out({x.dim(0), x.dim(1), to.height, to.width});
  using Needs = bodies::ResizeScratch<bodies::FloatResampling>;
  std::vector<std::byte> scratch(Needs(nullptr, planes_of(x), size_of(x), 1, to).bytes);
  bodies::resize_bicubic_antialias(on_host, x.data(), planes_of(x), size_of(x), out.data(), to, scratch.data());
  return from_tensor(info.Env(), out);
}

Napi::Value resize_bicubic_pil(const Napi::CallbackInfo& info) {
  const Image image = to_image(info[0], "image");
  const Size from{image.height, image.width};
  const Size to{to_side(info[2], "height"), to_side(info[1], "width")};
  Image out{to.width, to.height, std::vector<std::uint8_t>(element_count({to.height, to.width, 3}))};
  using Needs = bodies::ResizeScratch<bodies::PilResampling>;
  std::vector<std::byte> scratch(Needs(nullptr, 1, from, 3, to).bytes);
  bodies::resize_bicubic_pil(on_host, image.rgb.data(), from, out.rgb.data(), to, scratch.data());
  return from_image(info.Env(), out);
}

Napi::Value wavelet_reconstruction(const Napi::CallbackInfo& info) {
  Tensor content = to_nchw(info[0], "content");
  const Tensor style = to_nchw(info[1], "style");
  require_same_shape(content, style, "wavelet_reconstruction");
  std::vector<std::byte> scratch(bodies::WaveletScratch(nullptr, size_of(content)).bytes);
  bodies::wavelet_reconstruction(on_host, content.data(), style.data(), planes_of(content), size_of(content),
                                 scratch.data());
  return from_tensor(info.Env(), content);
}

Napi::Value adaptive_instance_normalization(const Napi::CallbackInfo& info) {
  Tensor content = to_nchw(info[0], "content");
  const Tensor style = to_nchw(info[1], "style");
  require_same_shape(content, style, "adaptive_instance_normalization");
  std::vector<std::byte> scratch(bodies::AdainScratch(nullptr, planes_of(content), size_of(content)).bytes);
  bodies::adaptive_instance_normalization(on_host, content.data(), style.data(), planes_of(content), size_of(content),
                                          content.data(), scratch.data());
  return from_tensor(info.Env(), content);
}

/// With T float, or bodies::Half in its own layout.
template <typename T>
Tensor group_norm(const Tensor& x, const bodies::FeatureMap& map, const Region& region, const bodies::Norm& norm) {
  using Layout = typename bodies::LayoutOf<T>::Type;
  std::vector<T> values(x.size());
  const auto each = [&](const auto& f) {
    for (std::int64_t plane = 0; plane < map.batch * map.channels; ++plane) {
      for (std::int64_t pixel = 0; pixel < map.area(); ++pixel) {
        f(static_cast<std::size_t>(plane * map.area() + pixel),
          static_cast<std::size_t>(Layout::place(map, plane, pixel)));
      }
    }
  };
  each([&](std::size_t from, std::size_t to) { values[to] = bodies::from_float<T>(x.data()[from]); });
  std::vector<std::byte> scratch(bodies::GroupNormScratch(nullptr, map).bytes);
  const Moments* const moments = bodies::measure_groups(on_host, values.data(), map, region, scratch.data());
  bodies::normalize_groups(on_host, values.data(), map, moments, norm, values.data(), scratch.data());
  Tensor y(x.shape());
  each([&](std::size_t to, std::size_t from) { y.data()[to] = bodies::to_float(values[from]); });
  return y;
}

/// groupNorm(x, groups, scale, bias, epsilon, silu, region, half)
Napi::Value group_norm(const Napi::CallbackInfo& info) {
  const Tensor x = to_nchw(info[0], "x");
  const bodies::FeatureMap map{x.dim(0), x.dim(1), x.dim(2), x.dim(3), to_side(info[1], "groups")};
  const std::vector<float> scale = to_floats(info[2], "scale");
  const std::vector<float> bias = to_floats(info[3], "bias");
  const std::vector<std::int32_t> sides = to_int32s(info[6], "region");
  const auto channels = static_cast<std::size_t>(map.channels);
  if (map.channels % map.groups != 0 || scale.size() != channels || bias.size() != channels || sides.size() != 4) {
    refuse(info[1], "groups", "what divides the channels, and as many scales and biases");
  }
  const Region region{sides[0], sides[1], sides[2], sides[3]};
  const bool is_inside = 0 <= region.top && region.top < region.bottom && region.bottom <= map.height &&
                         0 <= region.left && region.left < region.right && region.right <= map.width;
  if (!is_inside) refuse(info[6], "region", "top, left, bottom and right inside x");
  const bodies::Norm norm{scale.data(), bias.data(), static_cast<float>(to_number(info[4], "epsilon")),
                          to_boolean(info[5], "silu")};
  return from_tensor(info.Env(), to_boolean(info[7], "half") ? group_norm<bodies::Half>(x, map, region, norm)
                                                             : group_norm<float>(x, map, region, norm));
}

}  // namespace

void add_kernel_primitives(Napi::Object primitives) {
  Napi::Object kernels = Napi::Object::New(primitives.Env());
  set_function(kernels, "imageToTensor", image_to_tensor);
  set_function(kernels, "tensorToImage", tensor_to_image);
  set_function(kernels, "toSigned", to_signed);
  set_function(kernels, "toUnsigned", to_unsigned);
  set_function(kernels, "cutTiles", cut_tiles);
  set_function(kernels, "blendTiles", blend_tiles);
  set_function(kernels, "paste", paste);
  set_function(kernels, "resizeBicubicAntialias", resize_bicubic_antialias);
  set_function(kernels, "resizeBicubicPil", resize_bicubic_pil);
  set_function(kernels, "waveletReconstruction", wavelet_reconstruction);
  set_function(kernels, "adaptiveInstanceNormalization", adaptive_instance_normalization);
  add_fused_kernels(kernels);
  set_function(kernels, "groupNorm", [](const Napi::CallbackInfo& info) { return group_norm(info); });
  primitives.Set("kernels", kernels);
}

}  // namespace diffbir
