#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace diffbir {

/// Where image guidance pulls in the weighted MSE (DiffBIR paper, equation 12; behaviour.md 4): near 1 in flat areas,
/// near 0 at edges and in texture, which generation should be free to draw. image: [B,3,H,W] nominally in -1..1 with
/// even sides; the result [B,1,H,W] is 1 - tanh of the Sobel magnitudes of the grey picture, summed over blocks of 2x2
/// and constant in each. Throws Error(internal) for other shapes.
Tensor edge_weight(const Tensor& image);

/// The same for latents of the picture: the mean over the `cell` x `cell` pixels of each latent cell, so that a cell is
/// pulled as its pixels are on average. image: [B,3,H,W] with sides divisible by `cell`, which is even; result
/// [B,1,H/cell,W/cell]. Ours: the reference stops with an error here.
Tensor latent_edge_weight(const Tensor& image, std::int64_t cell);

}  // namespace diffbir
