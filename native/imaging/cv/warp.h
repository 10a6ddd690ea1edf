#pragma once

#include <array>
#include <cstdint>

#include "core/image.h"
#include "imaging/cv/affine.h"
#include "imaging/cv/plane.h"
#include "imaging/tiling.h"

namespace diffbir::cv {

using Color = std::array<std::uint8_t, 3>;

/// warpAffine(flags=INTER_LINEAR, borderMode=BORDER_CONSTANT) of OpenCV 4: `m` takes source pixels to where they come
/// to lie, coordinates have 5 bits of fraction, what lies outside of the source is `border`. `part` is what of the
/// result is made, with the pixels that it would have in the whole.
Image warp_affine(const Image& image, const Affine& m, const Tile& part, const Color& border);

/// The same for floats, with 0 outside of the source.
Plane warp_affine(const Plane& plane, const Affine& m, const Tile& part);

}  // namespace diffbir::cv
