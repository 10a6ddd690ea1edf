#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "imaging/cv/affine.h"
#include "imaging/resize.h"

namespace diffbir::faces {

/// Left and right are the picture's, not the person's: left eye, right eye, nose, left and right corner of the mouth.
using Landmarks = std::array<cv::Point, 5>;

/// A face that the detector has found, in pixels of the picture that it saw.
struct Detection {
  double left, top, right, bottom;
  double score;  // 0..1
  Landmarks landmarks;
};

/// An anchor of the detector, in shares of the picture's sides.
struct Prior {
  float x, y, width, height;
};

/// The anchors for a picture of `size`, in the order of the network's outputs (behaviour.md 9.2): squares of 16 and 32,
/// 64 and 128, 256 and 512 pixels at every cell of 8, 16 and 32 pixels.
std::vector<Prior> priors(Size size);

/// What RetinaFace says of a picture of `size`, as detections of a score above `least_score`, best first; equal scores
/// in the order of the anchors. boxes [1,N,4], scores [1,N,2], landmarks [1,N,10]. At most kMostCandidates: a picture
/// could be made of which each anchor is a face. Throws Error(internal) where N is not that of the anchors.
std::vector<Detection> decode(const Tensor& boxes, const Tensor& scores, const Tensor& landmarks, Size size,
                              double least_score);
inline constexpr std::size_t kMostCandidates = 5000;

/// Greedy suppression, best first: keeps a detection unless it shares more than `most_overlap` (intersection over
/// union, sides counted with one pixel more) with one that was kept.
std::vector<Detection> suppress(const std::vector<Detection>& detections, double most_overlap);

}  // namespace diffbir::faces
