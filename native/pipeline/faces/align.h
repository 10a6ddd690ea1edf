#pragma once

#include <cstdint>
#include <optional>

#include "core/image.h"
#include "imaging/cv/affine.h"
#include "pipeline/faces/detections.h"

namespace diffbir::faces {

/// Sides of an aligned face in pixels: what the face networks were trained at.
inline constexpr std::int64_t aligned_side = 512;

/// The similarity that brings five landmarks to where FFHQ's aligned faces have them; empty where they lie so that
/// there is none that could be undone. `parity`: of the similarities through two landmarks, those alone that OpenCV
/// tries.
std::optional<cv::Affine> alignment(const Landmarks& landmarks, bool parity);

/// The aligned face, aligned_side pixels square. Beyond the picture it is the gray that the networks were trained with,
/// (135, 133, 132) in BGR. `parity`: in RGB, since the reference takes that for BGR.
Image aligned_face(const Image& picture, const cv::Affine& to_aligned, bool parity);

}  // namespace diffbir::faces
