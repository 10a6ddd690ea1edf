#pragma once

#include "graph/builder.h"

namespace diffbir::nets {

// Encoder and decoder take a second input, tile [1] int64: 0, or the ticket of a tile's run (runtime::TileRegistry).

/// Encoder of the KL autoencoder (Rombach et al. 2022, section 3.1; behaviour.md 5.6).
/// Input: image [B,3,H,W] in -1..1, H and W multiples of 8. Output: moments [B,2z,H/8,W/8]: mean, then log variance,
/// not yet multiplied by the latent scale factor.
graph::Graph vae_encoder(const graph::Module& m, const graph::BuildOptions& options = {});

/// Decoder. Input: z [B,z,h,w], already divided by the latent scale factor. Output: image [B,3,8h,8w], nominally in
/// -1..1 and not clamped.
graph::Graph vae_decoder(const graph::Module& m, const graph::BuildOptions& options = {});

/// The decoder with its vector-Jacobian product in one graph. Inputs: z [B,z,h,w] as of the decoder, target [B,3,8h,8w]
/// and weight [B or 1,1,8h or 1,8w or 1]. Output: gradient [B,z,h,w] at z of sum(weight (decode(z) - target)^2) / 2.
/// The picture is decoded whole, and the input of each of its normalisations kept until the gradient has passed it.
graph::Graph vae_decoder_gradient(const graph::Module& m, const graph::BuildOptions& options = {});

}  // namespace diffbir::nets
