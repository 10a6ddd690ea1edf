#include "addon/convert_faces.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "addon/convert.h"

namespace diffbir {

namespace {

constexpr std::int64_t kMaxSide = std::numeric_limits<std::int32_t>::max();

Size to_size(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  return {field(object, name, "height", to_integer, 1, kMaxSide),
          field(object, name, "width", to_integer, 1, kMaxSide)};
}

Napi::Object from_size(Napi::Env env, const Size& size) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("width", Napi::Number::New(env, static_cast<double>(size.width)));
  object.Set("height", Napi::Number::New(env, static_cast<double>(size.height)));
  return object;
}

std::vector<double> to_numbers(Napi::Value value, const std::string& name, std::size_t count) {
  std::vector<double> numbers = to_doubles(value, name);
  if (numbers.size() != count) refuse(value, name, std::to_string(count) + " numbers");
  return numbers;
}

}  // namespace

faces::FindJob to_find_job(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  faces::FindJob job;
  job.image = field(object, name, "image", to_image);
  job.upscale = field(object, name, "upscale", to_number);
  job.most_faces = field(object, name, "mostFaces", to_integer, 0, kMaxSafeInteger);
  job.most_pixels = field(object, name, "mostPixels", to_integer, 1, kMaxSafeInteger);
  job.parity = field(object, name, "parity", to_boolean);
  return job;
}

faces::PasteJob to_paste_job(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  faces::PasteJob job;
  job.background = field(object, name, "background", to_image);
  job.size = field(object, name, "size", to_size);
  job.parity = field(object, name, "parity", to_boolean);
  const Napi::Array list = field(object, name, "faces", to_array);
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const std::string member = name + ".faces[" + std::to_string(i) + "]";
    const Napi::Object face = to_object(list.Get(i), member);
    job.faces.push_back({field(face, member, "toAligned", to_affine), field(face, member, "aligned", to_image)});
  }
  return job;
}

faces::Landmarks to_landmarks(Napi::Value value, const std::string& name) {
  const std::vector<double> numbers = to_numbers(value, name, 10);
  faces::Landmarks landmarks{};
  for (std::size_t i = 0; i < landmarks.size(); ++i) landmarks[i] = {numbers[2 * i], numbers[2 * i + 1]};
  return landmarks;
}

cv::Affine to_affine(Napi::Value value, const std::string& name) {
  const std::vector<double> m = to_numbers(value, name, 6);
  return {m[0], m[1], m[2], m[3], m[4], m[5]};
}

Napi::Value from_affine(Napi::Env env, const cv::Affine& m) {
  return from_doubles(env, {m.xx, m.xy, m.x0, m.yx, m.yy, m.y0});
}

Napi::Object from_detection(Napi::Env env, const faces::Detection& detection) {
  std::vector<double> landmarks;
  for (const cv::Point& point : detection.landmarks) landmarks.insert(landmarks.end(), {point.x, point.y});
  Napi::Object object = Napi::Object::New(env);
  object.Set("box", from_doubles(env, {detection.left, detection.top, detection.right, detection.bottom}));
  object.Set("score", detection.score);
  object.Set("landmarks", from_doubles(env, landmarks));
  return object;
}

Napi::Object from_found_faces(Napi::Env env, const faces::FoundFaces& found) {
  Napi::Array list = Napi::Array::New(env, found.faces.size());
  std::uint32_t index = 0;
  for (const faces::Face& face : found.faces) {
    Napi::Object object = from_detection(env, face.detection);
    object.Set("toAligned", from_affine(env, face.to_aligned));
    object.Set("aligned", from_image(env, face.aligned));
    list.Set(index++, object);
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("size", from_size(env, found.size));
  object.Set("searched", from_size(env, found.searched));
  object.Set("found", Napi::Number::New(env, static_cast<double>(found.found)));
  object.Set("faces", list);
  return object;
}

}  // namespace diffbir
