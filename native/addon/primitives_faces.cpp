#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "addon/convert.h"
#include "addon/convert_faces.h"
#include "addon/primitives.h"
#include "imaging/cv/filter.h"
#include "imaging/cv/resize.h"
#include "imaging/cv/warp.h"

namespace diffbir {

namespace {

constexpr std::int64_t kMaxSide = std::int64_t{1} << 20;

/// A [height, width] tensor.
cv::Plane to_plane(Napi::Value value, const std::string& name) {
  Tensor tensor = to_tensor(value, name);
  if (tensor.shape().size() != 2) refuse(value, name, "two axes");
  cv::Plane plane(tensor.dim(0), tensor.dim(1));
  plane.values = std::move(tensor).release();
  return plane;
}

Napi::Object from_plane(Napi::Env env, const cv::Plane& plane) {
  return from_tensor(env, Tensor({plane.height, plane.width}, plane.values));
}

Tile to_tile(Napi::Value value, const std::string& name) {
  const std::vector<std::int32_t> tile = to_int32s(value, name);
  if (tile.size() != 4) refuse(value, name, "y, x, height, width");
  return {tile[0], tile[1], tile[2], tile[3]};
}

Napi::Value warp_image(const Napi::CallbackInfo& info) {
  const std::vector<std::uint8_t> border = to_bytes(info[3], "border");
  if (border.size() != 3) refuse(info[3], "border", "three levels");
  return from_image(info.Env(), cv::warp_affine(to_image(info[0], "image"), to_affine(info[1], "m"),
                                                to_tile(info[2], "part"), {border[0], border[1], border[2]}));
}

Napi::Value warp_plane(const Napi::CallbackInfo& info) {
  return from_plane(info.Env(),
                    cv::warp_affine(to_plane(info[0], "plane"), to_affine(info[1], "m"), to_tile(info[2], "part")));
}

Napi::Value erode(const Napi::CallbackInfo& info) {
  return from_plane(info.Env(), cv::erode(to_plane(info[0], "plane"), to_integer(info[1], "side", 1, kMaxSide), {}));
}

Napi::Value gaussian_blur(const Napi::CallbackInfo& info) {
  const std::int64_t side = to_integer(info[1], "side", 1, kMaxSide);
  return from_plane(info.Env(), cv::gaussian_blur(to_plane(info[0], "plane"), side, to_number(info[2], "sigma"), {}));
}

template <auto resize>
Napi::Value resized(const Napi::CallbackInfo& info) {
  const std::int64_t width = to_integer(info[1], "width", 1, kMaxSide);
  return from_image(info.Env(), resize(to_image(info[0], "image"), width, to_integer(info[2], "height", 1, kMaxSide)));
}

Napi::Value invert_affine(const Napi::CallbackInfo& info) {
  return from_affine(info.Env(), cv::inverse(to_affine(info[0], "m")));
}

Napi::Value decode_faces(const Napi::CallbackInfo& info) {
  const Size size{to_integer(info[3], "height", 1, kMaxSide), to_integer(info[4], "width", 1, kMaxSide)};
  const auto detections =
      faces::suppress(faces::decode(to_tensor(info[0], "boxes"), to_tensor(info[1], "scores"),
                                    to_tensor(info[2], "landmarks"), size, to_number(info[5], "leastScore")),
                      to_number(info[6], "mostOverlap"));
  Napi::Array list = Napi::Array::New(info.Env(), detections.size());
  std::uint32_t index = 0;
  for (const faces::Detection& detection : detections) list.Set(index++, from_detection(info.Env(), detection));
  return list;
}

Napi::Value face_alignment(const Napi::CallbackInfo& info) {
  const auto m = faces::alignment(to_landmarks(info[0], "landmarks"), to_boolean(info[1], "parity"));
  return m ? from_affine(info.Env(), *m) : info.Env().Null();
}

Napi::Value aligned_face(const Napi::CallbackInfo& info) {
  return from_image(info.Env(), faces::aligned_face(to_image(info[0], "image"), to_affine(info[1], "toAligned"),
                                                    to_boolean(info[2], "parity")));
}

Napi::Value parse_mask(const Napi::CallbackInfo& info) {
  return from_plane(info.Env(), faces::parse_mask(to_tensor(info[0], "logits"), {}));
}

/// One channel of a picture.
Napi::Value blend_face(const Napi::CallbackInfo& info) {
  std::vector<cv::Plane> planes(3, to_plane(info[0], "background"));
  faces::blend(planes, {to_affine(info[1], "toAligned"), to_image(info[2], "aligned")}, to_plane(info[3], "mask"),
               to_boolean(info[4], "parity"), {});
  return from_plane(info.Env(), planes[0]);
}

}  // namespace

void add_face_primitives(Napi::Object primitives) {
  set_function(primitives, "warpImage", warp_image);
  set_function(primitives, "warpPlane", warp_plane);
  set_function(primitives, "erode", erode);
  set_function(primitives, "gaussianBlur", gaussian_blur);
  set_function(primitives, "resizeLinear", resized<cv::resize_linear>);
  set_function(primitives, "resizeLanczos4", resized<cv::resize_lanczos4>);
  set_function(primitives, "invertAffine", invert_affine);
  set_function(primitives, "decodeFaces", decode_faces);
  set_function(primitives, "faceAlignment", face_alignment);
  set_function(primitives, "alignedFace", aligned_face);
  set_function(primitives, "parseMask", parse_mask);
  set_function(primitives, "blendFace", blend_face);
}

}  // namespace diffbir
