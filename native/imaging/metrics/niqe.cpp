#include "imaging/metrics/niqe.h"

#include <cmath>
#include <string>

#include "core/error.h"
#include "imaging/metrics/symmetric.h"

namespace diffbir {

std::optional<double> niqe(const Image& image, const NiqeModel& model) {
  constexpr std::size_t n = kNiqeFeatures;
  if (model.mean.size() != n || model.covariance.size() != n * n) {
    throw Error(ErrorCode::internal, "Expected a NIQE model of " + std::to_string(n) + " features");
  }
  const NiqePatches patches = niqe_patches(image);
  if (patches.count() < 2) return std::nullopt;
  const auto feature = [&](std::size_t patch, std::size_t i) { return patches.features[patch * n + i]; };
  const auto count = static_cast<double>(patches.count());

  std::vector<double> mean(n);
  for (std::size_t p = 0; p < patches.count(); ++p) {
    for (std::size_t i = 0; i < n; ++i) mean[i] += feature(p, i) / count;
  }
  // The mean of both covariances; this picture's is of low rank when it has few patches, the model's is not.
  std::vector<double> covariance(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t p = 0; p < patches.count(); ++p) {
        sum += (feature(p, i) - mean[i]) * (feature(p, j) - mean[j]);
      }
      covariance[i * n + j] = (sum / (count - 1) + model.covariance[i * n + j]) / 2;
    }
  }
  std::vector<double> difference(n);
  for (std::size_t i = 0; i < n; ++i) difference[i] = mean[i] - model.mean[i];
  return std::sqrt(inverse_quadratic_form(covariance, difference));
}

}  // namespace diffbir
