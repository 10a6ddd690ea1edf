#include "pipeline/stage2.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "core/error.h"
#include "diffusion/cfg.h"
#include "diffusion/sampler.h"
#include "imaging/pad.h"
#include "imaging/pixels.h"
#include "imaging/tiling.h"
#include "pipeline/restoration_guidance.h"

namespace diffbir {
namespace {

/// A prediction for latents x with the condition latents at the same place, `first` of possibly several.
using ConditionedDenoiser = std::function<Tensor(const Tensor& x, float t, const Tensor& hint, const Tile& first)>;

/// Every network call as a mixture of tiles (Jimenez 2023; behaviour.md 2.5): x and the condition are cut at the same
/// places.
Denoiser tiled_denoiser(ConditionedDenoiser predict, const Tensor& hint, TileSize size, std::int64_t batch,
                        BlendCentre centre) {
  return [=, &hint](const Tensor& x, float t) {
    return blend_tiles(x.dim(2), x.dim(3), size, batch, 1, centre, [&](std::span<const Tile> tiles) {
      return predict(cut(x, tiles), t, cut(hint, tiles), tiles.front());
    });
  };
}

/// The condition image as the autoencoder takes it, sides grown to multiples of `alignment`: tile by tile, since a
/// padded copy in -1..1 would be a second picture in memory.
TileSource signed_and_padded(const Tensor& cond_img, std::int64_t alignment, PadMode padding) {
  const auto grown = [&](std::int64_t side) { return (side + alignment - 1) / alignment * alignment; };
  return {grown(cond_img.dim(2)), grown(cond_img.dim(3)), [&cond_img, padding](const Tile& tile) {
            Tensor image = cut_padded(cond_img, tile, padding);
            to_signed(image);
            return image;
          }};
}

/// How one picture is cut up. The reference drops tiling where one side is shorter than a tile, ours where both are.
struct Stage2Tiling {
  std::optional<TiledRun> encoder;
  std::optional<TiledRun> decoder;
  std::optional<TileSize> diffusion;  // in latent cells
};

Stage2Tiling tiling_of(const RestoreJob& job, const Tensor& cond_img, const ProgressCallback& on_progress) {
  const auto applies = [&](std::int64_t tile) {
    const auto [shorter, longer] = std::minmax({cond_img.dim(2), cond_img.dim(3)});
    return tile > 0 && (job.parity ? shorter >= tile : longer > tile);
  };
  const auto lock_step = [&](bool at_once, Stage stage) {
    return LockStepOptions{.pooling = job.parity ? runtime::Pooling::reference : runtime::Pooling::exact,
                           .at_once = at_once,
                           .on_run = [&on_progress, stage](int run, int runs) {
                             on_progress({stage, run, runs});
                           }};
  };
  const TilingOptions& sizes = job.tiling;
  Stage2Tiling tiling;
  if (applies(sizes.encoder)) tiling.encoder = TiledRun{sizes.encoder, lock_step(sizes.encoder_at_once, Stage::encode)};
  if (applies(sizes.decoder))
    tiling.decoder = TiledRun{sizes.decoder / latent_cell, lock_step(sizes.decoder_at_once, Stage::decode)};
  if (applies(sizes.diffusion.tile)) {
    tiling.diffusion = TileSize{sizes.diffusion.tile / latent_cell, sizes.diffusion.stride / latent_cell};
  }
  return tiling;
}

/// A prompt's embedding [1,n,C]; one zero token where the model has no text encoder, as it was trained.
Tensor embed(Stage2Networks& networks, std::span<const std::int32_t> tokens, const std::shared_ptr<Device>& device,
             CancellationToken& token) {
  if (networks.text_encoder) return (*networks.text_encoder)(tokens, token);
  return Tensor({1, 1, networks.context_width}, device);
}

/// Two prompts' embeddings [1,n,C] -> [2,n,C].
Tensor one_after_the_other(const Tensor& first, const Tensor& second) {
  require_same_shape(first, second, "the prompts");
  Tensor both({2, first.dim(1), first.dim(2)}, first.device());
  copy_values(first, 0, first.size(), both, 0);
  copy_values(second, 0, second.size(), both, first.size());
  return both;
}

/// The predictions of a denoiser for two prompts, [B,2 z,h,w] with the unconditional ones first.
PairDenoiser split_prompts(Denoiser both) {
  return [both = std::move(both)](const Tensor& x, float t) {
    const Tensor predictions = both(x, t);
    Pair pair{zeros_like(x), zeros_like(x)};
    const std::size_t size = x.size() / static_cast<std::size_t>(x.dim(0));
    for (std::size_t place = 0; place < x.size(); place += size) {
      copy_values(predictions, 2 * place, size, pair.uncond, place);
      copy_values(predictions, 2 * place + size, size, pair.cond, place);
    }
    return pair;
  };
}

Reuse reuse_of(const RestoreJob& job) {
  if (job.reuse == "encoder") return Reuse::encoder;
  return job.reuse == "deep" ? Reuse::deep : Reuse::none;
}

/// x_T: pure noise, or the condition latent diffused to the last timestep.
Tensor start_point(const RestoreJob& job, const NoiseSchedule& schedule, const Tensor& c_img, NoiseSource& noise) {
  Tensor draw = noise.randn(c_img.shape());
  return job.start_point == "cond" ? schedule.q_sample(c_img, schedule.config.timesteps - 1, draw) : draw;
}

/// What steers the sampler.
struct Condition {
  const Tensor& c_txt;
  const Tensor& uncond_c_txt;
  const TileSource& image;
  const Tensor& c_img;
  const std::optional<TileSize>& tiles;  // in latent cells
};

/// From x_T to x_0.
Tensor sample_latent(Stage2Networks& networks, ControlledUNet& controlled_unet, const Condition& condition,
                     const RestoreJob& job, NoiseSource& noise, CancellationToken& token,
                     const ProgressCallback& on_progress, Trace& trace) {
  trace.remove("x_steps");  // of an attempt before
  SamplerOptions options;
  Tensor x = start_point(job, networks.schedule, condition.c_img, noise);
  options.guidance = restoration_guidance(networks.autoencoder, job, condition.image, condition.c_img, token);
  Tensor c_img = condition.c_img;
  if (job.noise_aug > 0) {
    c_img = networks.schedule.q_sample(c_img, job.noise_aug, noise.randn(c_img.shape()));
    trace.record("c_img_seen_by_network", c_img);
  }

  const Reuse reuse = reuse_of(job);
  controlled_unet.prepare(reuse, token);
  const auto steered = [&](const Tensor& context) -> Denoiser {
    const auto caches = std::make_shared<std::map<std::pair<std::int64_t, std::int64_t>, FeatureCache>>();
    const auto predict = [&, caches](const Tensor& noisy, float t, const Tensor& hint, const Tile& first) {
      const ReuseSchedule schedule(job.steps, job.reuse_interval);
      FeatureCache& cache = caches->try_emplace({first.y, first.x}, reuse, schedule).first->second;
      return controlled_unet({noisy, t, context, hint, job.strength}, cache, token);
    };
    if (!condition.tiles) {
      return [=, &c_img](const Tensor& noisy, float t) { return predict(noisy, t, c_img, {0, 0, 0, 0}); };
    }
    return tiled_denoiser(predict, c_img, *condition.tiles, job.tiling.batch,
                          job.parity ? BlendCentre::reference : BlendCentre::middle);
  };
  const CfgOptions cfg{job.cfg_scale, job.rescale_cfg, job.cfg_start, job.cfg_stop,
                       job.parity && tests_base_scale(job.sampler)};
  const bool pairs_prompts = controlled_unet.pairs_prompts();
  const Tensor both_txt = pairs_prompts ? one_after_the_other(condition.uncond_c_txt, condition.c_txt) : Tensor();
  const Denoiser with_text = steered(condition.c_txt);
  const Denoiser model = pairs_prompts ? classifier_free_guidance(with_text, split_prompts(steered(both_txt)), cfg)
                                       : classifier_free_guidance(with_text, steered(condition.uncond_c_txt), cfg);

  options.sampler = job.sampler;
  options.steps = job.steps;
  options.edm = job.edm;
  options.parity = job.parity;
  options.on_step = [&](int step, int steps, const Tensor& latent) {
    token.check();
    trace.append("x_steps", latent);
    on_progress({Stage::sample, step, steps});
  };
  return sample(model, std::move(x), networks.schedule, options, noise);
}

/// What `sampled` makes with the network or, where it leaves the range of 8 or 16 bits, with the one in float32.
template <typename Sampled>
Tensor precise_where_needed(ControlledUNet& controlled_unet, const Sampled& sampled, CancellationToken& token) {
  try {
    return sampled(controlled_unet);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::numeric || controlled_unet.is_float32()) throw;
  }
  return sampled(controlled_unet.in_float32(token));
}

}  // namespace

void Trace::append(const std::string& name, const Tensor& value) {
  if (!enabled_) return;
  const Tensor latent = value.to_host();
  Shape shape = latent.shape();
  std::vector<float> values;
  if (const auto entry = tensors_.find(name); entry != tensors_.end()) {
    shape[0] += entry->second.dim(0);
    values = std::move(entry->second).release();
  }
  values.insert(values.end(), latent.values().begin(), latent.values().end());
  tensors_.insert_or_assign(name, Tensor(std::move(shape), std::move(values)));
}

Tensor diffuse(Stage2Networks& networks, const Tensor& cond_img, const RestoreJob& job, const MakeNoise& make_noise,
               CancellationToken& token, const ProgressCallback& on_progress, Trace& trace) {
  const Stage2Tiling tiling = tiling_of(job, cond_img, on_progress);

  // Condition: the prompts' embeddings and the stage-1 latent. Both prompts share the latent, so it is encoded once.
  const Tensor c_txt = embed(networks, job.positive_tokens, cond_img.device(), token);
  const Tensor uncond_c_txt = embed(networks, job.negative_tokens, cond_img.device(), token);
  if (networks.text_encoder && !job.keep_networks) networks.text_encoder->close();
  const bool tiled_up_to_latent = tiling.encoder || tiling.diffusion;
  const std::int64_t alignment = tiled_up_to_latent ? latent_cell : latent_cell * latent_alignment;
  const TileSource image = signed_and_padded(cond_img, alignment, job.padding);
  const Tensor encoded = networks.autoencoder.encode(image, token, tiling.encoder);
  require_finite(encoded, "the condition latent");
  if (!job.keep_networks) networks.autoencoder.close();
  // Tiles of the diffusion model have the alignment themselves, so the reference pads no further for them.
  const bool aligned_by_tiles = tiling.diffusion && job.parity;
  const Tensor c_img = aligned_by_tiles ? encoded : pad_to_multiples_of(encoded, latent_alignment, job.padding);
  trace.record("c_txt", c_txt);
  trace.record("uncond_c_txt", uncond_c_txt);
  trace.record("c_img", c_img);
  on_progress({Stage::encode, 1, 1});

  const auto sampled = [&](ControlledUNet& controlled_unet) {
    const auto noise = make_noise();
    return sample_latent(networks, controlled_unet, {c_txt, uncond_c_txt, image, c_img, tiling.diffusion}, job, *noise,
                         token, on_progress, trace);
  };
  const Tensor final_latent = precise_where_needed(networks.controlled_unet, sampled, token);
  trace.record("final_latent", final_latent);
  networks.controlled_unet.release_pages();
  if (!job.keep_networks) networks.close();

  const Tensor z = crop(final_latent, encoded.dim(2), encoded.dim(3));
  Tensor decoded = cropped(networks.autoencoder.decode(z, token, tiling.decoder), cond_img.dim(2), cond_img.dim(3));
  require_finite(decoded, "the decoded picture");
  if (!job.keep_networks) networks.close();
  on_progress({Stage::decode, 1, 1});
  return decoded;
}

}  // namespace diffbir
