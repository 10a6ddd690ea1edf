#pragma once

#include <functional>
#include <string>
#include <vector>

namespace diffbir::cuda {

/// A kernel and the host function that does the same: what `gpu_twins` compares on a card.
struct Twin {
  std::string name;
  double tolerance;                    // that `difference` may have
  std::function<double()> difference;  // runs both; the largest absolute difference, infinite where sizes differ
};

std::vector<Twin> diffusion_twins();
std::vector<Twin> imaging_twins();
std::vector<Twin> fused_twins();
std::vector<Twin> norm_twins();
std::vector<Twin> window_twins();
std::vector<Twin> concat_twins();

}  // namespace diffbir::cuda
