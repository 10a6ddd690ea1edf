#pragma once

#include <cstdint>
#include <vector>

#include "core/cancellation.h"
#include "core/image.h"
#include "pipeline/faces/align.h"
#include "pipeline/faces/detections.h"
#include "pipeline/networks.h"

namespace diffbir::faces {

struct FindJob {
  Image image;
  double upscale = 1;
  /// The surest faces are given back, at most so many.
  std::int64_t most_faces = 1;
  /// Pixels that the detector may work on: a larger picture is shrunk for it.
  std::int64_t most_pixels = 0;
  /// The reference's quirks: channels swapped for the detector, and a picture whose short side is below 512 enlarged.
  bool parity = false;
};

struct Face {
  Detection detection;    // in pixels of the picture that comes out
  cv::Affine to_aligned;  // from these pixels to those of the aligned face
  Image aligned;
};

struct FoundFaces {
  Size size;           // of the picture that comes out
  Size searched;       // of the picture as the detector saw it
  std::int64_t found;  // faces, those beyond most_faces too
  std::vector<Face> faces;
};

/// Finds the faces of a picture and cuts them out, aligned (behaviour.md 9.1 to 9.3). Those whose eyes are less than 5
/// pixels apart are left alone. Throws Error(numeric) when the detector's answer is not finite.
FoundFaces find(FaceNetworks& networks, FindJob job, CancellationToken& token);

}  // namespace diffbir::faces
