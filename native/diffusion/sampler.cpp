#include "diffusion/sampler.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "diffusion/ddim.h"
#include "diffusion/dpm_solver.h"
#include "diffusion/spaced.h"

namespace diffbir {

namespace {

using Sampler = Tensor (*)(const Denoiser&, Tensor, const NoiseSchedule&, const SamplerOptions&, NoiseSource&);

struct Entry {
  std::string_view name;
  Sampler sample;
};

constexpr std::array kSamplers{Entry{"spaced", sample_spaced}, Entry{"ddim", sample_ddim},
                               Entry{"dpm++_m2", sample_dpmpp_m2}};

Sampler find_sampler(const std::string& name) {
  const auto found = std::find_if(kSamplers.begin(), kSamplers.end(), [&](const Entry& e) { return e.name == name; });
  if (found != kSamplers.end()) return found->sample;
  std::string names;
  for (const Entry& entry : kSamplers) names += (names.empty() ? "" : ", ") + std::string(entry.name);
  throw Error(ErrorCode::invalid_option, "Expected one of " + names + " for sampler but received '" + name + "'");
}

}  // namespace

Tensor sample(const Denoiser& model, Tensor x, const NoiseSchedule& schedule, const SamplerOptions& options,
              NoiseSource& noise) {
  const Sampler run = find_sampler(options.sampler);

  // What holds for every sampler is checked around it, so that a sampler shows its arithmetic alone.
  const Denoiser checked_model = [&](const Tensor& input, float t) {
    Tensor prediction = model(input, t);
    require_same_shape(input, prediction, "the network's prediction");
    return prediction;
  };
  SamplerOptions checked_options = options;
  checked_options.on_step = [&](int step, int steps, const Tensor& latent) {
    require_finite(latent, "the latent after step " + std::to_string(step) + " of " + std::to_string(steps));
    if (options.on_step) options.on_step(step, steps, latent);
  };
  return run(checked_model, std::move(x), schedule, checked_options, noise);
}

}  // namespace diffbir
