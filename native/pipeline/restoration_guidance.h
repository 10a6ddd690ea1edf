#pragma once

#include "core/cancellation.h"
#include "core/tensor.h"
#include "diffusion/guidance.h"
#include "pipeline/networks.h"
#include "pipeline/restore.h"

namespace diffbir {

/// What the job asks for to hold the sample to the condition image: guidance by a loss in latent or rgb space, then the
/// pull of job.fidelity; empty where it asks for neither. image is the condition image as it was encoded,
/// c_img [1,z,h,w] its latent, which may have been padded further. What rgb space needs is built at its first
/// gradient, and freed when a job comes that does not need it.
Guidance restoration_guidance(Autoencoder& autoencoder, const RestoreJob& job, const TileSource& image,
                              const Tensor& c_img, CancellationToken& token);

}  // namespace diffbir
