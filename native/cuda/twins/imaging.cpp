// The kernels of cuda/imaging and cuda/philox against the host's functions, which give the same bits but where a
// tolerance says otherwise.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/cuda_rng.h"
#include "core/rng.h"
#include "cuda/imaging/color_fix.h"
#include "cuda/imaging/pixels.h"
#include "cuda/imaging/resize.h"
#include "cuda/imaging/tiles.h"
#include "cuda/philox.h"
#include "cuda/twins/on_card.h"
#include "cuda/twins/twin.h"
#include "imaging/adain.h"
#include "imaging/kernels.h"
#include "imaging/pad.h"
#include "imaging/pixels.h"
#include "imaging/resize.h"
#include "imaging/tiling.h"
#include "imaging/wavelet.h"

namespace diffbir::cuda {

namespace {

constexpr double float_rounding = 0x1p-23;  // of values about 1

std::vector<float> uniform(std::size_t count, std::uint64_t seed) {
  return TorchGenerator(seed).uniform(-0.1F, 1.1F, count);
}

Tensor picture(const Shape& shape, std::uint64_t seed) { return Tensor(shape, uniform(element_count(shape), seed)); }

Image image(std::int64_t width, std::int64_t height) {
  return {width, height, to_uint8(uniform(element_count({height, width, 3}), 1))};
}

std::vector<float> values_of(const Tensor& x) { return {x.values().begin(), x.values().end()}; }
Size size_of(const Tensor& x) { return {x.dim(2), x.dim(3)}; }
std::int64_t planes_of(const Tensor& x) { return x.dim(0) * x.dim(1); }

/// More than one launch takes, of one size, inside height x width.
std::vector<Tile> many_tiles(std::int64_t height, std::int64_t width) {
  std::vector<Tile> tiles;
  for (std::int64_t i = 0; i < 150; ++i) tiles.push_back({(i * 7) % (height - 17), (i * 13) % (width - 33), 17, 33});
  return tiles;
}

double image_to_tensor_difference() {
  const Image from = image(301, 197);
  const std::vector<Tile> tiles = many_tiles(from.height, from.width);
  OnCard rgb(from.rgb);
  OnCard<float> out(tiles.size() * 3 * 17 * 33);
  image_to_tensor(rgb.data(), {from.height, from.width}, tiles.data(), std::ssize(tiles), out.data(), nullptr);
  return largest_difference(out.to_host(), diffbir::image_to_tensor(from, tiles).values());
}

double tensor_to_image_difference(Rounding rounding) {
  const Tensor x = picture({1, 3, 197, 301}, 2);
  OnCard in(values_of(x));
  OnCard<std::uint8_t> out(x.size());
  tensor_to_image(in.data(), size_of(x), rounding, out.data(), nullptr);
  return largest_difference(out.to_host(), diffbir::tensor_to_image(x, 0, rounding).rgb);
}

double scaling_difference(void (*kernel)(const float*, std::int64_t, float*, void*), float (*twin)(float)) {
  std::vector<float> values = uniform(100'003, 3);
  OnCard x(values);
  kernel(x.data(), std::ssize(values), x.data(), nullptr);
  for (float& value : values) value = twin(value);
  return largest_difference(x.to_host(), values);
}

double cut_tiles_difference() {
  const Tensor x = picture({2, 3, 97, 131}, 4);
  const std::vector<Tile> tiles = many_tiles(x.dim(2), x.dim(3));
  const Tensor want = cut(x, tiles);
  OnCard in(values_of(x));
  OnCard<float> out(want.size());
  cut_tiles(in.data(), planes_of(x), size_of(x), tiles.data(), std::ssize(tiles), PadMode::zero, out.data(), nullptr);
  return largest_difference(out.to_host(), want.values());
}

double cut_padded_difference(PadMode mode) {
  const Tensor x = picture({1, 3, 61, 45}, 5);
  const Tile tile{30, 17, 250, 190};
  const Tensor want = cut_padded(x, tile, mode);
  OnCard in(values_of(x));
  OnCard<float> out(want.size());
  cut_tiles(in.data(), planes_of(x), size_of(x), &tile, 1, mode, out.data(), nullptr);
  return largest_difference(out.to_host(), want.values());
}

double blend_difference(TileSize tile, std::int64_t batch, std::int64_t scale) {
  const Size size{150, 211};
  const std::vector<Tile> tiles = sliding_windows(size.height, size.width, tile);
  const Size output{tiles[0].height * scale, tiles[0].width * scale};
  const Size whole{size.height * scale, size.width * scale};
  // Of each tile the same, however many are asked for at once.
  const auto outputs_of = [&](std::span<const Tile> some) {
    Tensor outputs({2 * std::ssize(some), 3, output.height, output.width});
    const std::size_t each = outputs.size() / some.size();
    for (std::size_t i = 0; i < some.size(); ++i) {
      const auto seed = static_cast<std::uint64_t>(some[i].y * size.width + some[i].x);
      std::ranges::copy(uniform(each, seed), outputs.data() + i * each);
    }
    return outputs;
  };
  const Tensor want = blend_tiles(size.height, size.width, tile, batch, scale, BlendCentre::reference, outputs_of);

  const auto exact = gaussian_weights(output.height, output.width, BlendCentre::reference);
  OnCard weights(std::vector<float>(exact.begin(), exact.end()));
  OnCard<float> sum(want.size());
  OnCard<float> weight_sum(element_count({whole.height, whole.width}));
  for (std::int64_t first = 0; first < std::ssize(tiles); first += batch) {
    const auto some = std::span(tiles).subspan(first, std::min(batch, std::ssize(tiles) - first));
    OnCard outputs(values_of(outputs_of(some)));
    add_tiles(outputs.data(), weights.data(), some.data(), std::ssize(some), scale, sum.data(), weight_sum.data(), 6,
              whole, nullptr);
  }
  divide_by_weights(sum.data(), weight_sum.data(), 6, whole, nullptr);
  return largest_difference(sum.to_host(), want.values());
}

double paste_difference() {
  const Tensor part = picture({2, 3, 40, 50}, 6);
  const Tile own{3, 5, 31, 37};
  Tensor whole = picture({2, 3, 90, 80}, 7);
  OnCard from(values_of(part));
  OnCard to(values_of(whole));
  paste(from.data(), size_of(part), own, to.data(), size_of(whole), 59, 43, planes_of(part), nullptr);
  diffbir::paste(whole, cut(part, own), 59, 43);
  return largest_difference(to.to_host(), whole.values());
}

double resize_difference(Size from, Size to) {
  const Tensor x = picture({2, 3, from.height, from.width}, 8);
  const Tensor want = diffbir::resize_bicubic_antialias(x, to.height, to.width);
  OnCard in(values_of(x));
  OnCard<float> out(want.size());
  OnCard<std::byte> scratch(resize_bicubic_antialias_scratch(planes_of(x), from, to));
  resize_bicubic_antialias(in.data(), planes_of(x), from, out.data(), to, scratch.data(), nullptr);
  return largest_difference(out.to_host(), want.values());
}

double resize_pil_difference(Size from, Size to) {
  const Image x = image(from.width, from.height);
  const Image want = diffbir::resize_bicubic_pil(x, to.width, to.height);
  OnCard in(x.rgb);
  OnCard<std::uint8_t> out(want.rgb.size());
  OnCard<std::byte> scratch(resize_bicubic_pil_scratch(from, to));
  resize_bicubic_pil(in.data(), from, out.data(), to, scratch.data(), nullptr);
  return largest_difference(out.to_host(), want.rgb);
}

double wavelet_difference(Size size) {
  const Tensor content = picture({2, 3, size.height, size.width}, 9);
  const Tensor style = picture(content.shape(), 10);
  OnCard out(values_of(content));
  OnCard colours(values_of(style));
  OnCard<std::byte> scratch(wavelet_reconstruction_scratch(size));
  wavelet_reconstruction(out.data(), colours.data(), planes_of(content), size, scratch.data(), nullptr);
  return largest_difference(out.to_host(), diffbir::wavelet_reconstruction(content, style).values());
}

double adain_difference(Size size) {
  const Tensor content = picture({2, 3, size.height, size.width}, 11);
  const Tensor style = picture(content.shape(), 12);
  OnCard in(values_of(content));
  OnCard colours(values_of(style));
  OnCard<float> out(content.size());
  OnCard<std::byte> scratch(adaptive_instance_normalization_scratch(planes_of(content), size));
  adaptive_instance_normalization(in.data(), colours.data(), planes_of(content), size, out.data(), scratch.data(),
                                  nullptr);
  return largest_difference(out.to_host(), diffbir::adaptive_instance_normalization(content, style).values());
}

/// Of the second draw; `count` numbers before, too.
double philox_difference(std::int64_t count) {
  constexpr PhiloxCard card{2, 1536};
  CudaGenerator generator(231, card);
  generator.randn(static_cast<std::size_t>(count));
  const PhiloxDraw second(231, PhiloxDraw(231, 0, count, card).next_offset(), count, card);
  OnCard<float> out(static_cast<std::size_t>(count));
  philox_normals(second, out.data(), nullptr);
  return largest_difference(out.to_host(), generator.randn(static_cast<std::size_t>(count)));
}

std::string sizes(Size from, Size to) {
  return std::to_string(from.width) + "x" + std::to_string(from.height) + " to " + std::to_string(to.width) + "x" +
         std::to_string(to.height);
}

}  // namespace

std::vector<Twin> imaging_twins() {
  std::vector<Twin> twins{
      {"8 bits to float, in tiles", 0, image_to_tensor_difference},
      {"float to 8 bits, cut off", 0, [] { return tensor_to_image_difference(Rounding::truncate); }},
      {"float to 8 bits, rounded", 0, [] { return tensor_to_image_difference(Rounding::nearest); }},
      {"to -1..1", 0, [] { return scaling_difference(to_signed, diffbir::to_signed); }},
      {"to 0..1", 0, [] { return scaling_difference(to_unsigned, diffbir::to_unsigned); }},
      {"tiles", 0, cut_tiles_difference},
      {"a tile beyond the border, zeros", 0, [] { return cut_padded_difference(PadMode::zero); }},
      {"a tile beyond the border, reflected", 0, [] { return cut_padded_difference(PadMode::reflect); }},
      {"blending", 0,
       [] {
         return blend_difference({64, 48}, 3, 1);
       }},
      {"blending, more tiles than a launch takes", 0,
       [] {
         return blend_difference({24, 11}, 200, 1);
       }},
      {"blending of enlarged tiles", 0,
       [] {
         return blend_difference({40, 40}, 4, 2);
       }},
      {"paste", 0, paste_difference},
      {"wavelet", 0,
       [] {
         return wavelet_difference({197, 301});
       }},
      {"wavelet of a narrow picture", 0,
       [] {
         return wavelet_difference({300, 3});
       }},
      {"AdaIN", float_rounding,
       [] {
         return adain_difference({600, 511});
       }},
      {"AdaIN of a pixel", float_rounding,
       [] {
         return adain_difference({1, 1});
       }},
      // The fast sine and cosine of the device, times up to 6.7.
      {"normal numbers of Philox", 2e-5, [] { return philox_difference(100'003); }},
  };
  constexpr Size picture_size{197, 301};
  for (const Size to : {Size{400, 700}, Size{50, 40}, Size{197, 512}, Size{31, 301}, picture_size}) {
    const std::string name = sizes(picture_size, to);
    twins.push_back({"bicubic " + name, 0, [=] { return resize_difference(picture_size, to); }});
    twins.push_back({"Pillow's bicubic " + name, 0, [=] { return resize_pil_difference(picture_size, to); }});
  }
  return twins;
}

}  // namespace diffbir::cuda
