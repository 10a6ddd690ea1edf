#include "pipeline/faces/find.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "imaging/cv/resize.h"
#include "imaging/resize.h"
#include "nets/retinaface.h"
#include "pipeline/restore.h"
#include "runtime/environment.h"

namespace diffbir::faces {

namespace {

// behaviour.md 9.2
constexpr double least_score = 0.8;
constexpr double most_overlap = 0.4;
constexpr double least_eye_distance = 5;
constexpr double detector_short_side = 640;
constexpr double parity_short_side = 512;

Image resized(const Image& image, std::int64_t width, std::int64_t height) {
  if (width == image.width && height == image.height) return image;
  return resize_bicubic_pil(image, width, height);
}

/// The picture in which faces are looked for, and into which they are pasted.
Image canvas(FindJob& job) {
  const Size size = output_size({job.image.height, job.image.width}, job.upscale);
  Image picture = resized(std::exchange(job.image, {}), size.width, size.height);
  const auto shorter = static_cast<double>(std::min(size.height, size.width));
  if (!job.parity || shorter >= parity_short_side) return picture;
  const double factor = parity_short_side / shorter;
  const auto enlarged = [&](std::int64_t side) {
    return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(side) * factor));
  };
  return cv::resize_linear(picture, enlarged(size.width), enlarged(size.height));
}

/// x of nets::retinaface.
Tensor network_input(const Image& image, bool swaps) {
  Tensor x({1, 3, image.height, image.width});
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const float mean = nets::retinaface_mean[channel];
    const std::uint8_t* source = image.rgb.data() + (swaps ? 2 - channel : channel);
    for (float& value : x.plane(0, static_cast<std::int64_t>(channel))) {
      value = static_cast<float>(*source) - mean;
      source += 3;
    }
  }
  return x;
}

struct Search {
  std::vector<Detection> detections;  // in pixels of the picture
  Size searched;
};

Search search(runtime::Network& detector, const Image& picture, const FindJob& job, CancellationToken& token) {
  const auto height = static_cast<double>(picture.height);
  const auto width = static_cast<double>(picture.width);
  double scale = std::max(1.0, detector_short_side / std::min(height, width));
  scale = std::min(scale, std::sqrt(static_cast<double>(job.most_pixels) / (height * width)));
  const auto scaled = [&](double side) { return std::max<std::int64_t>(1, static_cast<std::int64_t>(side * scale)); };
  const Size size{scaled(height), scaled(width)};

  Tensor x;
  if (scale > 1) {
    x = network_input(cv::resize_linear(picture, size.width, size.height), !job.parity);
  } else if (scale < 1) {
    x = network_input(resize_bicubic_pil(picture, size.width, size.height), !job.parity);
  } else {
    x = network_input(picture, !job.parity);
  }
  const Ort::Value inputs[] = {runtime::view(x)};
  std::vector<Ort::Value> outputs = detector.run(inputs, token);
  const Tensor boxes = runtime::to_tensor(outputs[0]);
  const Tensor scores = runtime::to_tensor(outputs[1]);
  const Tensor landmarks = runtime::to_tensor(outputs[2]);
  for (const Tensor* output : {&boxes, &scores, &landmarks}) require_finite(*output, "the answer of the face detector");

  // The reference divides by the factor, not by what became of the sides.
  const double by_x = job.parity ? scale : static_cast<double>(size.width) / width;
  const double by_y = job.parity ? scale : static_cast<double>(size.height) / height;
  std::vector<Detection> detections = suppress(decode(boxes, scores, landmarks, size, least_score), most_overlap);
  for (Detection& d : detections) {
    d = {d.left / by_x, d.top / by_y, d.right / by_x, d.bottom / by_y, d.score, d.landmarks};
    for (cv::Point& point : d.landmarks) point = {point.x / by_x, point.y / by_y};
  }
  return {std::move(detections), size};
}

double eye_distance(const Detection& d) {
  return std::hypot(d.landmarks[0].x - d.landmarks[1].x, d.landmarks[0].y - d.landmarks[1].y);
}

}  // namespace

FoundFaces find(FaceNetworks& networks, FindJob job, CancellationToken& token) {
  token.check();
  const Image picture = canvas(job);
  token.check();
  const Search result = search(networks.detector.open(token), picture, job, token);
  runtime::return_free_memory();
  FoundFaces found{{picture.height, picture.width}, result.searched, 0, {}};
  for (const Detection& detection : result.detections) {
    if (!(eye_distance(detection) >= least_eye_distance)) continue;
    const auto to_aligned = alignment(detection.landmarks, job.parity);
    if (!to_aligned) continue;
    if (++found.found > job.most_faces) continue;
    token.check();
    found.faces.push_back({detection, *to_aligned, aligned_face(picture, *to_aligned, job.parity)});
  }
  return found;
}

}  // namespace diffbir::faces
