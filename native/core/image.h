#pragma once

#include <cstdint>
#include <vector>

namespace diffbir {

/// An 8-bit RGB picture, rows top to bottom, channels interleaved (HWC), as it crosses the addon's door.
struct Image {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::vector<std::uint8_t> rgb;  // height * width * 3
};

}  // namespace diffbir
