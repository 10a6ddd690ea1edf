#pragma once

#include <span>

namespace diffbir {

/// Asymmetric generalised Gaussian: density falls off as exp(-(|x| / scale)^shape), with a scale for each side of 0.
struct Aggd {
  double shape;
  double left;
  double right;

  /// Mean of the distribution, for its left and right scale.
  double mean() const;
};

/// Fit by moments (Lasmar, Stitou, Berthoumieu 2009; shape from 0.2 to 10 in steps of 0.001). Members are NaN when the
/// values do not lie on both sides of 0.
Aggd fit_aggd(std::span<const double> values);

}  // namespace diffbir
