#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace diffbir::cv {

/// One channel of floats, row-major.
struct Plane {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<float> values;

  Plane() = default;
  Plane(std::int64_t h, std::int64_t w, float value = 0) : height(h), width(w), values(element_count({h, w}), value) {}

  float* row(std::int64_t y) { return values.data() + y * width; }
  const float* row(std::int64_t y) const { return values.data() + y * width; }
};

}  // namespace diffbir::cv
