#include "diffusion/sampler.h"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "diffusion/ddim.h"
#include "diffusion/dpm_solver.h"
#include "diffusion/edm.h"
#include "diffusion/spaced.h"

namespace diffbir {

namespace {

using Sampler =
    std::function<Tensor(const Denoiser&, Tensor, const NoiseSchedule&, const SamplerOptions&, NoiseSource&)>;

struct Entry {
  std::string name;
  Sampler sample;
};

std::vector<Entry> samplers() {
  using std::placeholders::_1, std::placeholders::_2, std::placeholders::_3, std::placeholders::_4,
      std::placeholders::_5;
  std::vector<Entry> entries{{"spaced", sample_spaced}, {"ddim", sample_ddim}};
  for (const DpmVariant& variant : dpm_variants()) {
    entries.push_back({variant.name(), std::bind(sample_dpm, variant, _1, _2, _3, _4, _5)});
  }
  for (const auto& [name, solve] : edm_solvers()) {
    entries.push_back({std::string(name), std::bind(sample_edm, solve, _1, _2, _3, _4, _5)});
  }
  return entries;
}

Sampler find_sampler(const std::string& name) {
  std::string names;
  for (Entry& entry : samplers()) {
    if (entry.name == name) return std::move(entry.sample);
    names += (names.empty() ? "" : ", ") + entry.name;
  }
  throw Error(ErrorCode::invalid_option, "Expected one of " + names + " for sampler but received '" + name + "'");
}

/// That no latent of a device has a value that is not finite. It goes on with the next step while the last one is
/// looked at, and not further, so that progress is its own.
class LatentChecks {
 public:
  void add(const Tensor& latent, const std::string& where, bool is_last) {
    if (!latent.device()) return require_finite(latent, where);
    checks_.push_back({latent.device()->begin_finite_check(latent.data(), latent.size()), where});
    const std::size_t unanswered = is_last ? 0 : 1;
    while (checks_.size() > unanswered) {
      const Check check = std::move(checks_.front());
      checks_.pop_front();
      if (!check.answer->passed()) throw not_finite(check.where);
    }
  }

 private:
  struct Check {
    std::unique_ptr<FiniteCheck> answer;
    std::string where;
  };
  std::deque<Check> checks_;
};

}  // namespace

bool tests_base_scale(const std::string& sampler) { return sampler.starts_with("edm_") || sampler.starts_with("dpm"); }

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
  LatentChecks checks;
  checked_options.on_step = [&](int step, int steps, const Tensor& latent) {
    checks.add(latent, "the latent after step " + std::to_string(step) + " of " + std::to_string(steps), step == steps);
    if (options.on_step) options.on_step(step, steps, latent);
  };
  return run(checked_model, std::move(x), schedule, checked_options, noise);
}

}  // namespace diffbir
