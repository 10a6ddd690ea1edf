#include <cstddef>
#include <deque>
#include <utility>

#include "diffusion/edm_schedule.h"
#include "diffusion/edm_solvers.h"
#include "diffusion/edm_steps.h"

namespace diffbir {

Tensor sample_lms(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas, const EdmOptions& options,
                  NoiseSource&, const EdmStep& on_step) {
  std::deque<Tensor> slopes;  // newest first
  for (std::size_t i = 0; i + 1 < sigmas.size(); ++i) {
    slopes.push_front(edm::slope(x, sigmas[i], denoise(x, sigmas[i])));
    if (slopes.size() > static_cast<std::size_t>(options.order)) slopes.pop_back();
    Tensor change = zeros_like(x);
    for (std::size_t back = 0; back < slopes.size(); ++back) {
      edm::advance(change, slopes[back], static_cast<float>(lms_coefficient(sigmas, i, slopes.size(), back)));
    }
    edm::advance(x, change, 1);
    on_step(static_cast<int>(i) + 1, x);
  }
  return x;
}

Tensor sample_dpmpp_2m(const EdmDenoiser& denoise, Tensor x, std::span<const float> sigmas, const EdmOptions& options,
                       NoiseSource&, const EdmStep& on_step) {
  Tensor old_denoised;
  for (std::size_t i = 0; i + 1 < sigmas.size(); ++i) {
    Tensor denoised = denoise(x, sigmas[i]);
    const float t = edm::time_of(sigmas[i], options);
    const float t_next = edm::time_of(sigmas[i + 1], options);
    const float h = t_next - t;
    Tensor target = denoised;
    if (!old_denoised.empty() && sigmas[i + 1] != 0) {
      const float r = (t - edm::time_of(sigmas[i - 1], options)) / h;
      const float ahead = 1 / (2 * r);
      each(WeightedDifference{1 + ahead, ahead}, target, target, old_denoised);
    }
    x = edm::exponential_step(std::move(x), target, edm::sigma_of(t_next) / edm::sigma_of(t), h);
    old_denoised = std::move(denoised);
    on_step(static_cast<int>(i) + 1, x);
  }
  return x;
}

}  // namespace diffbir
