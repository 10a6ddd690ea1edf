// core/tensor.h on a card, each() over every struct of diffusion/kernels.h, and whole samplers, against the same on the
// host: the same bits but where a tolerance says otherwise.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/each.h"
#include "core/rng.h"
#include "core/tensor.h"
#include "cuda/context.h"
#include "cuda/twins/on_card.h"
#include "cuda/twins/twin.h"
#include "diffusion/cfg.h"
#include "diffusion/edge_kernels.h"
#include "diffusion/edge_weight.h"
#include "diffusion/guidance.h"
#include "diffusion/kernels.h"
#include "diffusion/sampler.h"

namespace diffbir::cuda {

namespace {

constexpr std::int64_t kCount = 100'003;  // no multiple of a block

Tensor numbers(const Shape& shape, std::uint64_t seed) {
  return Tensor(shape, TorchGenerator(seed).randn(element_count(shape)));
}

double difference(const Tensor& card, const Tensor& host) {
  const Tensor got = card.to_host();
  return got.shape() == host.shape() ? largest_difference(got.values(), host.values())
                                     : std::numeric_limits<double>::infinity();
}

/// 0 for what is as it should be.
double verdict(bool is_right) { return is_right ? 0 : std::numeric_limits<double>::infinity(); }

template <typename F, typename... Inputs>
double each_difference(F f, const Inputs&... inputs) {
  const auto card = Context::open(0);
  return difference(map(f, inputs.to(card)...), map(f, inputs...));
}

/// A case for a struct with as many inputs as there are tensors.
template <typename F, typename... Inputs>
Twin each_twin(const std::string& name, F f, Inputs... inputs) {
  return {name, 0, [=] { return each_difference(f, inputs...); }};
}

double in_place_difference() {
  const auto card = Context::open(0);
  Tensor host = numbers({kCount}, 1);
  Tensor x = host.to(card);
  for (Tensor* tensor : {&host, &x}) each(AddScaled{0.3F}, *tensor, *tensor, *tensor);
  return difference(x, host);
}

double copies_difference() {
  const auto card = Context::open(0);
  const Tensor host = numbers({2, kCount}, 2);
  const Tensor x = host.to(card);
  Tensor copy = x;
  copy_values(x, 7, kCount, copy, kCount);
  Tensor want = host;
  copy_values(host, 7, kCount, want, kCount);
  const bool is_deep = difference(x, host) == 0;
  const bool has_zeros = difference(zeros_like(x), Tensor(host.shape())) == 0;
  return is_deep && has_zeros ? difference(copy, want) : verdict(false);
}

double finite_difference() {
  const auto card = Context::open(0);
  constexpr float infinity = std::numeric_limits<float>::infinity();
  Tensor host = numbers({3 * kCount}, 3);
  bool is_right = all_finite(host.to(card));
  for (const float bad : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
    for (const std::size_t place : {std::size_t{0}, host.size() / 2, host.size() - 1}) {
      const float kept = std::exchange(host.data()[place], bad);
      is_right = is_right && !all_finite(host.to(card));
      host.data()[place] = kept;
    }
  }
  // Many that are all under way before the first is asked, twice: the second time with the room of the first.
  for (std::size_t round = 0; round < 2; ++round) {
    std::vector<std::unique_ptr<FiniteCheck>> checks;
    for (std::size_t i = 0; i < 20; ++i) {
      host.data()[7] = i % 3 == round ? infinity : 0.5F;
      const Tensor there = host.to(card);
      checks.push_back(card->begin_finite_check(there.data(), there.size()));
    }
    for (std::size_t i = 0; i < 20; ++i) is_right = is_right && checks[i]->passed() == (i % 3 != round);
  }
  return verdict(is_right);
}

double weighted_guidance_difference() {
  const auto card = Context::open(0);
  const Tensor pred = numbers({2, 4, 33, 17}, 4);
  const Tensor target = numbers(pred.shape(), 5);
  const Tensor weight = numbers({2, 1, 33, 17}, 6);
  return difference(weighted_mse_guidance_delta(pred.to(card), target.to(card), weight.to(card), 0.2F),
                    weighted_mse_guidance_delta(pred, target, weight, 0.2F));
}

/// tanh() of the device differs from the host's in the last bits.
double edge_weight_difference() {
  const auto card = Context::open(0);
  Tensor image = numbers({2, 3, 64, 96}, 9);
  each(Scale{0.2F}, image, image);
  return difference(latent_edge_weight(image.to(card), 8), latent_edge_weight(image, 8));
}

/// Six steps of a sampler with guidance and a stand-in for the network that is made of each() itself.
Tensor trajectory(const std::string& sampler, Parameterization parameterization,
                  const std::shared_ptr<Device>& device) {
  const Shape shape{1, 4, 24, 40};
  const Tensor shift = numbers(shape, 7).to(device);
  const auto network = [&](float factor) -> Denoiser {
    return [&shift, factor](const Tensor& x, float) { return map(WeightedSum{factor, 0.2F}, x, shift); };
  };
  SamplerOptions options;
  options.sampler = sampler;
  options.steps = 6;
  options.guidance =
      one_after_other(latent_mse_guidance({.scale = 0.01F}, [&] { return shift; }), fidelity_pull(0.3F, shift));
  options.edm.s_churn = 2;
  options.edm.order = 3;
  NoiseOnDevice noise(std::make_unique<TorchNoise>(8), device);
  const NoiseSchedule schedule(
      {.zero_snr = parameterization == Parameterization::v, .parameterization = parameterization});
  const Denoiser model = classifier_free_guidance(network(0.5F), network(0.4F), {.scale = 4});
  Tensor x = noise.randn(shape);
  return sample(model, std::move(x), schedule, options, noise);
}

}  // namespace

std::vector<Twin> diffusion_twins() {
  const Tensor a = numbers({kCount}, 10);
  const Tensor b = numbers({kCount}, 11);
  const Tensor c = numbers({kCount}, 12);
  const Tensor d = numbers({kCount}, 13);
  std::vector<Twin> twins{
      {"copies of tensors", 0, copies_difference},
      {"finite numbers", 0, finite_difference},
      {"each, in place", 0, in_place_difference},
      each_twin("Scale", Scale{0.7F}, a),
      each_twin("Product", Product{}, a, b),
      each_twin("WeightedSum", WeightedSum{0.7F, -1.3F}, a, b),
      each_twin("WeightedDifference", WeightedDifference{0.7F, 1.3F}, a, b),
      each_twin("AddScaled", AddScaled{0.3F}, a, b),
      each_twin("ScaledDifference", ScaledDifference{0.3F}, a, b),
      each_twin("OtherPart", OtherPart{0.7F, 0.3F}, a, b),
      each_twin("Guide", Guide{7.5F}, a, b),
      each_twin("MseDescent", MseDescent{4096, 3000}, a, b),
      each_twin("Slope", Slope{14.6F}, a, b),
      each_twin("AddNoise", AddNoise{1.003F, 0.7F, 0.9F}, a, b),
      each_twin("Mean", Mean{}, a, b),
      each_twin("PosteriorSample", PosteriorSample{0.7F, 0.4F, 0.2F}, a, b, c),
      each_twin("SecondOrderCorrection", SecondOrderCorrection{0.3F, 1.7F}, a, b, c),
      each_twin("ThirdOrderCorrection", ThirdOrderCorrection{0.3F, 0.2F, 1.7F, 1.1F}, a, b, c, d),
      {"weighted guidance", 0, weighted_guidance_difference},
      {"Grey", 0, [=] { return each_difference(Grey{}, a, b, c); }},
      {"weights of edges", 1e-6, edge_weight_difference},
  };
  for (const char* sampler : {"spaced", "ddim", "dpm++_m3", "dpm_s3", "edm_heun", "edm_lms", "edm_dpm++_2s_a",
                              "edm_dpm++_sde", "edm_dpm++_2m_sde_heun", "edm_dpm++_3m_sde"}) {
    for (const auto& [parameterization, name] : {std::pair{Parameterization::eps, "eps"}, {Parameterization::v, "v"}}) {
      twins.push_back({std::string(sampler) + " of " + name, 0, [=, parameterization = parameterization] {
                         const Tensor host = trajectory(sampler, parameterization, nullptr);
                         return difference(trajectory(sampler, parameterization, Context::open(0)), host);
                       }});
    }
  }
  return twins;
}

}  // namespace diffbir::cuda
