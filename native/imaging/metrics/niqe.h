#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "core/image.h"

/// NIQE, "completely blind" image quality (Mittal, Soundararajan, Bovik 2013): how far the statistics of a picture's
/// patches lie from those of good photographs. Lower is better. No original is needed.
namespace diffbir {

inline constexpr std::size_t kNiqeFeatures = 36;
inline constexpr std::int64_t kNiqePatch = 96;

/// Patches of one picture: `features` has kNiqeFeatures a patch. Flat patches, which have no statistics, are left out.
struct NiqePatches {
  std::vector<double> features;
  std::vector<double> sharpness;  // mean local deviation, in levels

  std::size_t count() const { return sharpness.size(); }
};

/// Mean and covariance (row-major) of the features of good photographs.
struct NiqeModel {
  std::vector<double> mean;
  std::vector<double> covariance;
};

/// Patches of 96 x 96 side by side from the upper left corner; what is left over at the right and bottom is not looked
/// at. Features of a patch, at full and half size: shape and width of the asymmetric generalised Gaussian fitted to the
/// locally normalised luma, and shape, mean, left and right width for products of its neighbours in four directions.
/// Where the paper's code lets products wrap around a patch, they end at its border here; so does the model.
NiqePatches niqe_patches(const Image& image);

/// Empty where a picture has less than two patches that are not flat. Throws Error(internal) for a model of wrong size.
std::optional<double> niqe(const Image& image, const NiqeModel& model);

}  // namespace diffbir
