#include "imaging/degradation/dct.h"

#include <cmath>
#include <cstddef>
#include <numbers>

namespace diffbir {

const QuantTable kLuminanceTable = {
    16, 11, 10, 16, 24,  40,  51,  61,   //
    12, 12, 14, 19, 26,  58,  60,  55,   //
    14, 13, 16, 24, 40,  57,  69,  56,   //
    14, 17, 22, 29, 51,  87,  80,  62,   //
    18, 22, 37, 56, 68,  109, 103, 77,   //
    24, 35, 55, 64, 81,  104, 113, 92,   //
    49, 64, 78, 87, 103, 121, 120, 101,  //
    72, 92, 95, 98, 112, 100, 103, 99,
};

const QuantTable kChrominanceTable = {
    17, 18, 24, 47, 99, 99, 99, 99,  //
    18, 21, 26, 66, 99, 99, 99, 99,  //
    24, 26, 56, 99, 99, 99, 99, 99,  //
    47, 66, 99, 99, 99, 99, 99, 99,  //
    99, 99, 99, 99, 99, 99, 99, 99,  //
    99, 99, 99, 99, 99, 99, 99, 99,  //
    99, 99, 99, 99, 99, 99, 99, 99,  //
    99, 99, 99, 99, 99, 99, 99, 99,
};

namespace {

/// basis[u][x] = c(u) cos((2x + 1) u pi / 16): orthonormal rows.
Block make_basis() {
  Block basis;
  for (std::size_t u = 0; u < kBlockSide; ++u) {
    for (std::size_t x = 0; x < kBlockSide; ++x) {
      const double angle = static_cast<double>((2 * x + 1) * u) * std::numbers::pi / 16;
      basis[u * kBlockSide + x] = std::sqrt(u == 0 ? 0.125 : 0.25) * std::cos(angle);
    }
  }
  return basis;
}

const Block kBasis = make_basis();

/// left * right^T, both 8 x 8.
Block times_transposed(const Block& left, const Block& right) {
  Block product;
  for (std::size_t i = 0; i < kBlockSide; ++i) {
    for (std::size_t j = 0; j < kBlockSide; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < kBlockSide; ++k) sum += left[i * kBlockSide + k] * right[j * kBlockSide + k];
      product[i * kBlockSide + j] = sum;
    }
  }
  return product;
}

Block transposed(const Block& block) {
  Block result;
  for (std::size_t i = 0; i < kBlockArea; ++i) result[i % kBlockSide * kBlockSide + i / kBlockSide] = block[i];
  return result;
}

const Block kBasisTransposed = transposed(kBasis);

}  // namespace

// B X B^T = B (B X^T)^T: with a transposed second factor every product is of a row with a row.
Block forward_dct(const Block& values) { return times_transposed(kBasis, times_transposed(kBasis, values)); }

Block inverse_dct(const Block& coefficients) {
  return times_transposed(kBasisTransposed, times_transposed(kBasisTransposed, coefficients));
}

void quantize_blocks(Component& component, const QuantTable& steps, double (*round)(double)) {
  Block block;
  const auto each = [&](std::int64_t y, std::int64_t x, auto visit) {
    for (std::int64_t i = 0; i < kBlockArea; ++i) {
      visit(component.at(y + i / kBlockSide, x + i % kBlockSide), block[static_cast<std::size_t>(i)]);
    }
  };
  for (std::int64_t y = 0; y < component.height; y += kBlockSide) {
    for (std::int64_t x = 0; x < component.width; x += kBlockSide) {
      each(y, x, [](double pixel, double& value) { value = pixel - 128; });
      block = forward_dct(block);
      for (std::size_t i = 0; i < kBlockArea; ++i) block[i] = round(block[i] / steps[i]) * steps[i];
      block = inverse_dct(block);
      each(y, x, [](double& pixel, double value) { pixel = value + 128; });
    }
  }
}

std::array<double, 3> rgb_to_ycc(double red, double green, double blue) {
  return {0.299 * red + 0.587 * green + 0.114 * blue, -0.168736 * red - 0.331264 * green + 0.5 * blue + 128,
          0.5 * red - 0.418688 * green - 0.081312 * blue + 128};
}

std::array<double, 3> ycc_to_rgb(double y, double cb, double cr) {
  cb -= 128;
  cr -= 128;
  return {y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb};
}

}  // namespace diffbir
