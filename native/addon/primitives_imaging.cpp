#include <cstdint>
#include <utility>

#include "addon/convert.h"
#include "addon/primitives.h"
#include "imaging/adain.h"
#include "imaging/pad.h"
#include "imaging/pixels.h"
#include "imaging/resize.h"
#include "imaging/wavelet.h"

namespace diffbir {

namespace {

/// Sides of tensors and pictures at this door; far above what memory holds, far below what overflows.
constexpr std::int64_t kMaxSide = std::int64_t{1} << 20;

std::int64_t to_side(Napi::Value value, const char* name) { return to_integer(value, name, 1, kMaxSide); }

Napi::Value resize_bicubic_antialias(const Napi::CallbackInfo& info) {
  const Tensor x = to_tensor(info[0], "x");
  const std::int64_t height = to_side(info[1], "height");
  return from_tensor(info.Env(), diffbir::resize_bicubic_antialias(x, height, to_side(info[2], "width")));
}

Napi::Value resize_bicubic_pil(const Napi::CallbackInfo& info) {
  const Image image = to_image(info[0], "image");
  const std::int64_t width = to_side(info[1], "width");
  return from_image(info.Env(), diffbir::resize_bicubic_pil(image, width, to_side(info[2], "height")));
}

Napi::Value resize_short_edge_to(const Napi::CallbackInfo& info) {
  const Tensor x = to_tensor(info[0], "x");
  return from_tensor(info.Env(), diffbir::resize_short_edge_to(x, to_side(info[1], "size")));
}

Napi::Value pad_to_multiples_of(const Napi::CallbackInfo& info) {
  const Tensor x = to_tensor(info[0], "x");
  return from_tensor(info.Env(), diffbir::pad_to_multiples_of(x, to_side(info[1], "multiple")));
}

Napi::Value wavelet_blur(const Napi::CallbackInfo& info) {
  const Tensor x = to_tensor(info[0], "x");
  return from_tensor(info.Env(), diffbir::wavelet_blur(x, to_side(info[1], "radius")));
}

Napi::Value wavelet_decomposition(const Napi::CallbackInfo& info) {
  const WaveletBands bands = diffbir::wavelet_decomposition(to_tensor(info[0], "x"));
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("high", from_tensor(info.Env(), bands.high));
  result.Set("low", from_tensor(info.Env(), bands.low));
  return result;
}

Napi::Value wavelet_reconstruction(const Napi::CallbackInfo& info) {
  const Tensor style = to_tensor(info[1], "style");
  Tensor content = to_tensor(info[0], "content");
  if (info[2].IsUndefined()) return from_tensor(info.Env(), diffbir::wavelet_reconstruction(std::move(content), style));
  const std::int64_t strip = to_integer(info[2], "strip", 1, 1 << 20);
  return from_tensor(info.Env(), diffbir::wavelet_reconstruction(std::move(content), style, strip));
}

Napi::Value adaptive_instance_normalization(const Napi::CallbackInfo& info) {
  const Tensor content = to_tensor(info[0], "content");
  return from_tensor(info.Env(), diffbir::adaptive_instance_normalization(content, to_tensor(info[1], "style")));
}

Napi::Value to_uint8(const Napi::CallbackInfo& info) {
  return from_bytes(info.Env(), diffbir::to_uint8(to_floats(info[0], "x")));
}

}  // namespace

void add_imaging_primitives(Napi::Object primitives) {
  set_function(primitives, "resizeBicubicAntialias", resize_bicubic_antialias);
  set_function(primitives, "resizeBicubicPil", resize_bicubic_pil);
  set_function(primitives, "resizeShortEdgeTo", resize_short_edge_to);
  set_function(primitives, "padToMultiplesOf", pad_to_multiples_of);
  set_function(primitives, "waveletBlur", wavelet_blur);
  set_function(primitives, "waveletDecomposition", wavelet_decomposition);
  set_function(primitives, "waveletReconstruction", wavelet_reconstruction);
  set_function(primitives, "adaptiveInstanceNormalization", adaptive_instance_normalization);
  set_function(primitives, "toUint8", to_uint8);
}

}  // namespace diffbir
