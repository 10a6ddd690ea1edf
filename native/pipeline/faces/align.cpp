#include "pipeline/faces/align.h"

#include <array>
#include <cmath>
#include <cstddef>

#include "imaging/cv/warp.h"

namespace diffbir::faces {

namespace {

/// Of 512 x 512 pixels (behaviour.md 9.3).
constexpr Landmarks places{cv::Point{192.98138, 239.94708}, cv::Point{318.90277, 240.1936},
                           cv::Point{256.63416, 314.01935}, cv::Point{201.26117, 371.41043},
                           cv::Point{313.08905, 371.15118}};

/// What OpenCV's generator, always started alike, draws for five points, without repetitions.
constexpr std::array opencv_pairs{cv::Pair{0, 4}, cv::Pair{0, 3}, cv::Pair{1, 2},
                                  cv::Pair{0, 1}, cv::Pair{1, 4}, cv::Pair{1, 3}};

/// Below this a face would be larger than any picture, and its way back without bounds.
constexpr double least_scale = 1e-4;

}  // namespace

std::optional<cv::Affine> alignment(const Landmarks& landmarks, bool parity) {
  Landmarks rounded{};
  for (std::size_t i = 0; i < landmarks.size(); ++i) {
    // OpenCV converts points to float32.
    rounded[i] = {static_cast<float>(landmarks[i].x), static_cast<float>(landmarks[i].y)};
  }
  const cv::Affine m =
      parity ? cv::estimate_similarity(rounded, places, opencv_pairs) : cv::estimate_similarity(rounded, places);
  const double scale = std::hypot(m.xx, m.yx);
  if (!(scale > least_scale) || !std::isfinite(m.x0) || !std::isfinite(m.y0)) return {};
  return m;
}

Image aligned_face(const Image& picture, const cv::Affine& to_aligned, bool parity) {
  const cv::Color border = parity ? cv::Color{135, 133, 132} : cv::Color{132, 133, 135};
  return cv::warp_affine(picture, to_aligned, {0, 0, aligned_side, aligned_side}, border);
}

}  // namespace diffbir::faces
