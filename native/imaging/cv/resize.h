#pragma once

#include <cstdint>

#include "core/image.h"

namespace diffbir::cv {

/// resize(interpolation=INTER_LINEAR) of 8-bit pictures: weights of 11 bits, no antialias. width, height >= 1.
Image resize_linear(const Image& image, std::int64_t width, std::int64_t height);

/// resize(interpolation=INTER_LANCZOS4) of 8-bit pictures: 8 taps, weights of 11 bits, no antialias. width, height
/// >= 1.
Image resize_lanczos4(const Image& image, std::int64_t width, std::int64_t height);

}  // namespace diffbir::cv
