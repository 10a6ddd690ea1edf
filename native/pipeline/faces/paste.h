#pragma once

#include <vector>

#include "core/cancellation.h"
#include "core/image.h"
#include "imaging/cv/plane.h"
#include "pipeline/faces/align.h"
#include "pipeline/model.h"
#include "pipeline/networks.h"

namespace diffbir::faces {

struct PastedFace {
  cv::Affine to_aligned;
  Image aligned;  // restored, aligned_side pixels square
};

struct PasteJob {
  Image background;
  Size size;  // of the picture that comes out
  std::vector<PastedFace> faces;
  /// The reference's quirks: channels swapped for the parser, 8-bit levels cut off instead of rounded.
  bool parity = false;
};

/// Where a parsed face is pasted, 0..1: logits [1,19,h,w] -> skin and features, not hair, hat, neck, clothes, ear rings
/// or background, blurred twice, with a free border of 10 pixels (behaviour.md 9.5 d).
cv::Plane parse_mask(const Tensor& logits, const CancellationToken& token);

/// Blends one aligned face into `background`, three planes of levels of 255, where both its own square, soft at the
/// edge, and `mask` allow it (behaviour.md 9.5 a to c and e). The edge of the picture is one of the square too, since
/// the aligned face is gray behind it; with `parity` it is none, and that gray is seen in the outermost pixels.
void blend(std::vector<cv::Plane>& background, const PastedFace& face, const cv::Plane& mask, bool parity,
           const CancellationToken& token);

/// Lays the restored faces over the restored background, in their order. Throws Error(numeric) when the parser's answer
/// is not finite. Reports Stage::paste after each.
Image paste(FaceNetworks& networks, PasteJob job, CancellationToken& token, const ProgressCallback& on_progress);

}  // namespace diffbir::faces
