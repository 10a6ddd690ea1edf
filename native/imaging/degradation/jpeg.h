#pragma once

#include "core/tensor.h"

namespace diffbir {

/// What a JPEG file does to a picture: 8-bit baseline, 4:2:0, T.81's tables scaled by libjpeg's quality (1 to 100),
/// chroma averaged on the way in and interpolated on the way out ("fancy upsampling"), every step rounded to 8 bits as
/// libjpeg does. The entropy coding, which loses nothing, is left out; transforms are exact where libjpeg's are
/// integer, so that single values differ from a real decoder's by a level.
///
/// x [B,3,H,W]; rounded to levels of [0,1] first. Throws Error(invalid_option) for another quality.
Tensor jpeg(const Tensor& x, int quality);

}  // namespace diffbir
