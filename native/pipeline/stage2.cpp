#include "pipeline/stage2.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "diffusion/cfg.h"
#include "diffusion/guidance.h"
#include "diffusion/sampler.h"
#include "imaging/pad.h"

namespace diffbir {
namespace {

constexpr std::int64_t image_alignment = 64;  // 8 pixels a latent cell, 8 cells for the UNet's three halvings
constexpr std::int64_t latent_alignment = 8;

Tensor to_signed(const Tensor& image) {
  Tensor result = image;
  for (float& value : result.values()) value = value * 2.0F - 1.0F;
  return result;
}

/// x_T: pure noise, or the condition latent diffused to the last timestep.
Tensor start_point(const RestoreJob& job, const NoiseSchedule& schedule, const Tensor& c_img, NoiseSource& noise) {
  Tensor draw = noise.randn(c_img.shape());
  return job.start_point == "cond" ? schedule.q_sample(c_img, schedule.config.timesteps - 1, draw) : draw;
}

}  // namespace

void Trace::append(const std::string& name, const Tensor& value) {
  if (!enabled_) return;
  Shape shape = value.shape();
  std::vector<float> values;
  if (const auto entry = tensors_.find(name); entry != tensors_.end()) {
    shape[0] += entry->second.dim(0);
    values = std::move(entry->second).release();
  }
  values.insert(values.end(), value.values().begin(), value.values().end());
  tensors_.insert_or_assign(name, Tensor(std::move(shape), std::move(values)));
}

Tensor diffuse(Stage2Networks& networks, const Tensor& cond_img, const RestoreJob& job, NoiseSource& noise,
               CancellationToken& token, const ProgressCallback& on_progress, Trace& trace) {
  // Condition: the prompts' embeddings and the stage-1 latent. Both prompts share the latent, so it is encoded once.
  const Tensor c_txt = networks.text_encoder(job.positive_tokens, token);
  const Tensor uncond_c_txt = networks.text_encoder(job.negative_tokens, token);
  const Tensor padded_img = pad_to_multiples_of(cond_img, image_alignment);
  const Tensor encoded = networks.autoencoder.encode(to_signed(padded_img), token);
  require_finite(encoded, "the condition latent");
  Tensor c_img = pad_to_multiples_of(encoded, latent_alignment);
  trace.record("c_txt", c_txt);
  trace.record("uncond_c_txt", uncond_c_txt);
  trace.record("c_img", c_img);
  on_progress({Stage::encode, 1, 1});

  Tensor x = start_point(job, networks.schedule, c_img, noise);
  const Tensor guidance_target = c_img;
  if (job.noise_aug > 0) {
    c_img = networks.schedule.q_sample(c_img, job.noise_aug, noise.randn(c_img.shape()));
    trace.record("c_img_seen_by_network", c_img);
  }

  const auto steered = [&](const Tensor& context) -> Denoiser {
    return [&](const Tensor& noisy, float t) {
      return networks.controlled_unet(noisy, t, context, c_img, job.strength, token);
    };
  };
  const Denoiser model =
      classifier_free_guidance(steered(c_txt), steered(uncond_c_txt), {job.cfg_scale, job.rescale_cfg});

  SamplerOptions options;
  options.sampler = job.sampler;
  options.steps = job.steps;
  options.guidance = latent_mse_guidance(job.guidance, [&] { return guidance_target; });
  options.on_step = [&](int step, int steps, const Tensor& latent) {
    token.check();
    trace.append("x_steps", latent);
    on_progress({Stage::sample, step, steps});
  };
  const Tensor final_latent = sample(model, std::move(x), networks.schedule, options, noise);
  trace.record("final_latent", final_latent);

  const Tensor z = crop(final_latent, encoded.dim(2), encoded.dim(3));
  const Tensor decoded = crop(networks.autoencoder.decode(z, token), cond_img.dim(2), cond_img.dim(3));
  require_finite(decoded, "the decoded picture");
  on_progress({Stage::decode, 1, 1});
  return decoded;
}

}  // namespace diffbir
