#include "pipeline/faces/detections.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "core/error.h"

namespace diffbir::faces {

namespace {

constexpr float centre_variance = 0.1F;
constexpr float size_variance = 0.2F;

struct Level {
  std::int64_t step;
  std::array<float, 2> sides;
};
constexpr std::array levels{Level{8, {16, 32}}, Level{16, {64, 128}}, Level{32, {256, 512}}};

std::int64_t cells(std::int64_t side, std::int64_t step) { return (side + step - 1) / step; }

Detection decoded(const Prior& prior, const float* box, const float* marks, double score, Size size) {
  const auto width = static_cast<double>(size.width);
  const auto height = static_cast<double>(size.height);
  const float w = prior.width * std::exp(box[2] * size_variance);
  const float h = prior.height * std::exp(box[3] * size_variance);
  const float left = prior.x + box[0] * centre_variance * prior.width - w / 2;
  const float top = prior.y + box[1] * centre_variance * prior.height - h / 2;
  Detection detection{left * width, top * height, (left + w) * width, (top + h) * height, score, {}};
  for (cv::Point& point : detection.landmarks) {
    point = {(prior.x + marks[0] * centre_variance * prior.width) * width,
             (prior.y + marks[1] * centre_variance * prior.height) * height};
    marks += 2;
  }
  return detection;
}

double area(const Detection& d) { return (d.right - d.left + 1) * (d.bottom - d.top + 1); }

double overlap(const Detection& a, const Detection& b) {
  const double width = std::min(a.right, b.right) - std::max(a.left, b.left) + 1;
  const double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top) + 1;
  const double common = std::max(0.0, width) * std::max(0.0, height);
  return common / (area(a) + area(b) - common);
}

}  // namespace

std::vector<Prior> priors(Size size) {
  std::vector<Prior> result;
  const auto width = static_cast<double>(size.width);
  const auto height = static_cast<double>(size.height);
  for (const auto& [step, sides] : levels) {
    for (std::int64_t i = 0; i < cells(size.height, step); ++i) {
      for (std::int64_t j = 0; j < cells(size.width, step); ++j) {
        const auto centre = [step = step](std::int64_t cell) {
          return (static_cast<double>(cell) + 0.5) * static_cast<double>(step);
        };
        for (const float side : sides) {
          result.push_back({static_cast<float>(centre(j) / width), static_cast<float>(centre(i) / height),
                            static_cast<float>(side / width), static_cast<float>(side / height)});
        }
      }
    }
  }
  return result;
}

std::vector<Detection> decode(const Tensor& boxes, const Tensor& scores, const Tensor& landmarks, Size size,
                              double least_score) {
  const std::vector<Prior> anchors = priors(size);
  const auto has = [&](const Tensor& x, std::size_t values) { return x.size() == anchors.size() * values; };
  if (!has(boxes, 4) || !has(scores, 2) || !has(landmarks, 10)) {
    throw Error(ErrorCode::internal, "Expected detections at " + std::to_string(anchors.size()) +
                                         " anchors but received " + to_string(boxes.shape()) + ", " +
                                         to_string(scores.shape()) + ", " + to_string(landmarks.shape()));
  }
  const auto score = [&](std::size_t i) { return scores.data()[2 * i + 1]; };
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < anchors.size(); ++i) {
    if (score(i) > static_cast<float>(least_score)) candidates.push_back(i);
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](std::size_t a, std::size_t b) { return score(a) > score(b); });
  candidates.resize(std::min(candidates.size(), kMostCandidates));
  std::vector<Detection> detections;
  for (const std::size_t i : candidates) {
    detections.push_back(decoded(anchors[i], boxes.data() + 4 * i, landmarks.data() + 10 * i, score(i), size));
  }
  return detections;
}

std::vector<Detection> suppress(const std::vector<Detection>& detections, double most_overlap) {
  std::vector<Detection> kept;
  for (const Detection& detection : detections) {
    const bool free = std::none_of(kept.begin(), kept.end(),
                                   [&](const Detection& other) { return overlap(other, detection) > most_overlap; });
    if (free) kept.push_back(detection);
  }
  return kept;
}

}  // namespace diffbir::faces
