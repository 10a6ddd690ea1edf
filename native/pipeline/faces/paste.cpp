#include "pipeline/faces/paste.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "core/error.h"
#include "imaging/cv/filter.h"
#include "imaging/cv/resize.h"
#include "imaging/cv/warp.h"
#include "runtime/environment.h"

namespace diffbir::faces {

namespace {

constexpr std::int64_t parse_blur = 101;  // pixels
constexpr double parse_sigma = 11;
constexpr std::int64_t parse_border = 10;

/// Of the parser's classes: 0 is the background, 14 the neck, 16 clothes, 17 hair, 18 a hat.
constexpr bool is_face(std::int64_t label) { return (label >= 1 && label <= 13) || label == 15; }

/// Columns and rows of the picture that the aligned face can reach, with a few more on each side; may be empty.
Tile reach(const cv::Affine& to_picture, std::int64_t height, std::int64_t width) {
  constexpr double margin = 4;
  constexpr double side = aligned_side;
  double left = HUGE_VAL;
  double top = HUGE_VAL;
  double right = -HUGE_VAL;
  double bottom = -HUGE_VAL;
  for (const cv::Point corner : {cv::Point{0, 0}, cv::Point{side, 0}, cv::Point{0, side}, cv::Point{side, side}}) {
    const cv::Point p = to_picture(corner);
    left = std::min(left, p.x - margin);
    top = std::min(top, p.y - margin);
    right = std::max(right, p.x + margin);
    bottom = std::max(bottom, p.y + margin);
  }
  const auto inside = [](double value, std::int64_t limit) {
    return static_cast<std::int64_t>(std::clamp(value, 0.0, static_cast<double>(limit)));
  };
  const std::int64_t x = inside(std::floor(left), width);
  const std::int64_t y = inside(std::floor(top), height);
  return {y, x, inside(std::ceil(bottom), height) - y, inside(std::ceil(right), width) - x};
}

/// Takes the `edge` outermost pixels of the picture out of its part `square`.
void clear_picture_edge(cv::Plane& square, const Tile& part, std::int64_t height, std::int64_t width,
                        std::int64_t edge) {
  for (std::int64_t y = 0; y < part.height; ++y) {
    for (std::int64_t x = 0; x < part.width; ++x) {
      const std::int64_t row = part.y + y;
      const std::int64_t column = part.x + x;
      if (std::min({row, column, height - 1 - row, width - 1 - column}) < edge) square.row(y)[x] = 0;
    }
  }
}

double sum(const cv::Plane& plane) {
  double total = 0;
  for (const float value : plane.values) total += value;
  return total;
}

/// x of nets::parsenet.
Tensor network_input(const Image& face, bool swaps) {
  Tensor x({1, 3, face.height, face.width});
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const std::uint8_t* source = face.rgb.data() + (swaps ? 2 - channel : channel);
    for (float& value : x.plane(0, static_cast<std::int64_t>(channel))) {
      value = (static_cast<float>(*source) / 255.0F - 0.5F) / 0.5F;
      source += 3;
    }
  }
  return x;
}

std::vector<cv::Plane> to_planes(const Image& image) {
  std::vector<cv::Plane> planes(3, cv::Plane(image.height, image.width));
  for (std::size_t i = 0; i < image.rgb.size(); ++i) planes[i % 3].values[i / 3] = image.rgb[i];
  return planes;
}

std::uint8_t to_level(float value, bool truncates) {
  return static_cast<std::uint8_t>(std::clamp(truncates ? value : std::nearbyint(value), 0.0F, 255.0F));
}

}  // namespace

cv::Plane parse_mask(const Tensor& logits, const CancellationToken& token) {
  cv::Plane mask(logits.dim(2), logits.dim(3));
  const auto places = std::ssize(mask.values);
  for (std::int64_t i = 0; i < places; ++i) {
    std::int64_t best = 0;
    for (std::int64_t label = 1; label < logits.dim(1); ++label) {
      if (logits.data()[label * places + i] > logits.data()[best * places + i]) best = label;
    }
    mask.values[static_cast<std::size_t>(i)] = is_face(best) ? 1.0F : 0.0F;
  }
  mask = cv::gaussian_blur(mask, parse_blur, parse_sigma, token);
  mask = cv::gaussian_blur(mask, parse_blur, parse_sigma, token);
  for (std::int64_t y = 0; y < mask.height; ++y) {
    for (std::int64_t x = 0; x < mask.width; ++x) {
      const std::int64_t to_edge = std::min({y, x, mask.height - 1 - y, mask.width - 1 - x});
      if (to_edge < parse_border) mask.row(y)[x] = 0;
    }
  }
  return mask;
}

void blend(std::vector<cv::Plane>& background, const PastedFace& face, const cv::Plane& mask, bool parity,
           const CancellationToken& token) {
  const cv::Affine to_picture = cv::inverse(face.to_aligned);
  const Tile part = reach(to_picture, background[0].height, background[0].width);
  if (part.height <= 0 || part.width <= 0) return;
  cv::Plane square = cv::warp_affine(cv::Plane(face.aligned.height, face.aligned.width, 1), to_picture, part);
  square = cv::erode(square, 2, token);
  // As far as the gray behind the edge of the picture comes into it when the face is warped there and back.
  const auto gray = static_cast<std::int64_t>(std::ceil(1 / std::hypot(face.to_aligned.xx, face.to_aligned.yx))) + 1;
  if (!parity) clear_picture_edge(square, part, background[0].height, background[0].width, gray);
  const auto edge = static_cast<std::int64_t>(std::sqrt(sum(square))) / 20;
  const std::int64_t kernel = edge > 0 ? 2 * edge : 3;  // what OpenCV takes for an empty one
  const cv::Plane soft = cv::gaussian_blur(cv::erode(square, kernel, token), 2 * edge + 1, 0, token);
  const cv::Plane parsed = cv::warp_affine(mask, to_picture, part);
  const Image warped = cv::warp_affine(face.aligned, to_picture, part, {0, 0, 0});
  for (std::int64_t y = 0; y < part.height; ++y) {
    for (std::int64_t x = 0; x < part.width; ++x) {
      const float inside = square.row(y)[x];
      const float weight = std::min({soft.row(y)[x], parsed.row(y)[x], parity ? 1.0F : inside});
      const float share = parity ? weight * inside : weight;
      const std::uint8_t* pixel = warped.rgb.data() + (y * part.width + x) * 3;
      for (std::size_t channel = 0; channel < 3; ++channel) {
        float& value = background[channel].row(part.y + y)[part.x + x];
        value = share * static_cast<float>(pixel[channel]) + (1 - weight) * value;
      }
    }
  }
}

Image paste(FaceNetworks& networks, PasteJob job, CancellationToken& token, const ProgressCallback& on_progress) {
  token.check();
  Image picture = std::move(job.background);
  if (picture.height != job.size.height || picture.width != job.size.width) {
    picture = cv::resize_lanczos4(picture, job.size.width, job.size.height);
  }
  std::vector<cv::Plane> planes = to_planes(picture);
  int done = 0;
  for (const PastedFace& face : job.faces) {
    if (face.aligned.height != aligned_side || face.aligned.width != aligned_side) {
      throw Error(ErrorCode::internal, "Expected faces of 512 x 512 pixels to paste");
    }
    const Tensor x = network_input(face.aligned, job.parity);
    const Ort::Value inputs[] = {runtime::view(x)};
    const Tensor logits = runtime::to_tensor(networks.parser.open(token).run(inputs, token).front());
    require_finite(logits, "the answer of the face parser");
    blend(planes, face, parse_mask(logits, token), job.parity, token);
    runtime::return_free_memory();
    on_progress({Stage::paste, ++done, static_cast<int>(job.faces.size())});
  }
  for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
    picture.rgb[i] = to_level(planes[i % 3].values[i / 3], job.parity);
  }
  return picture;
}

}  // namespace diffbir::faces
