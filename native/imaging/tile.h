#pragma once

#include <cstdint>

/// What host and device code of imaging/ call places in a picture. C++17, since nvcc reads it too.
namespace diffbir {

struct Size {
  std::int64_t height;
  std::int64_t width;
};

/// A tile of a picture: rows y..y+height, columns x..x+width.
struct Tile {
  std::int64_t y;
  std::int64_t x;
  std::int64_t height;
  std::int64_t width;
};

/// What the pixels right of a picture and below it hold. The reference adds zeros: black in image space, 0 in latent
/// space, and either leaks into the border. Reflecting does not; a side that is shorter than what is added is reflected
/// to and fro.
enum class PadMode { zero, reflect };

/// How a float becomes an 8-bit level. The reference truncates (behaviour.md 2.1, step 8).
enum class Rounding { truncate, nearest };

}  // namespace diffbir
