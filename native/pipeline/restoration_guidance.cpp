#include "pipeline/restoration_guidance.h"

#include <cstdint>
#include <utility>

#include "diffusion/edge_weight.h"
#include "imaging/pad.h"
#include "pipeline/stage2.h"

namespace diffbir {
namespace {

bool is_weighted(const RestoreJob& job) { return job.guidance_loss == "w_mse"; }

Tensor whole(const TileSource& image) { return image.cut({0, 0, image.height, image.width}); }

/// Where guidance pulls, [1,1,h,w] like the latents: empty for everywhere alike.
Tensor latent_weight(const RestoreJob& job, const TileSource& image, const Tensor& c_img) {
  if (!is_weighted(job)) return {};
  const Tensor weight = latent_edge_weight(whole(image), latent_cell);
  if (weight.dim(2) == c_img.dim(2) && weight.dim(3) == c_img.dim(3)) return weight;
  return pad_to_multiples_of(weight, latent_alignment, job.padding);  // as the latents were
}

Guidance rgb_guidance(Autoencoder& autoencoder, const RestoreJob& job, const TileSource& image, const Tensor& c_img,
                      CancellationToken& token) {
  Tensor target = whole(image);
  if (target.dim(2) != latent_cell * c_img.dim(2) || target.dim(3) != latent_cell * c_img.dim(3)) {
    target = pad_to_multiples_of(target, latent_cell * latent_alignment, job.padding);  // as the latents were
  }
  const Tensor weight = is_weighted(job) ? edge_weight(target) : Tensor({1, 1, 1, 1}, {1.0F}).to(target.device());
  const std::int64_t values = target.dim(1) * target.dim(2) * target.dim(3);
  const auto gradient = [&autoencoder, &token, target = std::move(target), weight](const Tensor& latent) {
    return autoencoder.gradient(latent, target, weight, token);
  };
  return rgb_mse_guidance(job.guidance, gradient, values);
}

}  // namespace

Guidance restoration_guidance(Autoencoder& autoencoder, const RestoreJob& job, const TileSource& image,
                              const Tensor& c_img, CancellationToken& token) {
  const bool applies = job.guidance.scale != 0;
  const bool decodes = applies && job.guidance_space == "rgb";
  if (!decodes) autoencoder.close_gradient();
  Guidance by_loss;
  if (decodes) {
    by_loss = rgb_guidance(autoencoder, job, image, c_img, token);
  } else if (applies) {
    by_loss = latent_mse_guidance(
        job.guidance, [c_img] { return c_img; }, latent_weight(job, image, c_img));
  }
  return one_after_other(std::move(by_loss), fidelity_pull(job.fidelity, c_img));
}

}  // namespace diffbir
