#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/cancellation.h"
#include "core/image.h"
#include "core/tensor.h"
#include "diffusion/guidance.h"
#include "diffusion/sampler.h"
#include "imaging/pad.h"
#include "imaging/resize.h"
#include "imaging/tiling.h"
#include "pipeline/model.h"

namespace diffbir {

/// Sizes of tiles in pixels; 0: the picture whole. A picture no larger than a tile is not tiled.
struct TilingOptions {
  TileSize cleaner{0, 0};    // of the cleaner's input
  std::int64_t encoder = 0;  // of the condition image; a multiple of 8
  std::int64_t decoder = 0;  // of the result; a multiple of 8
  TileSize diffusion{0, 0};  // of the result; the tile a multiple of 64, the stride of 8
  std::int64_t batch = 1;    // most tiles of the cleaner or of the diffusion model in one call of their networks
  /// Whether all tiles of the autoencoder are in memory at once (LockStepOptions::at_once).
  bool encoder_at_once = true;
  bool decoder_at_once = true;
};

/// One restoration, every option resolved by `src/` (names as in behaviour.md 1.1).
struct RestoreJob {
  Image image;
  /// Whether it is an aligned face, for whose stage 1 the model has a network of its own (FaceSpec).
  bool is_face = false;
  int stage = 2;
  double upscale = 1;
  std::string sampler = "spaced";
  EdmOptions edm;
  int steps = 50;
  float cfg_scale = 1;
  bool rescale_cfg = false;
  float cfg_start = 0;  // the part of the diffusion where cfg_scale is in force, 0..1 each (CfgOptions)
  float cfg_stop = 1;
  float strength = 1;
  int noise_aug = 0;
  std::string reuse = "none";  // none, encoder, deep (Reuse)
  int reuse_interval = 2;
  std::string start_point = "noise";  // noise, cond
  GuidanceOptions guidance;
  std::string guidance_loss = "mse";          // mse, w_mse
  std::string guidance_space = "latent";      // latent, rgb
  float fidelity = 0;                         // 0..1, see fidelity_pull()
  std::string color_fix = "wavelet";          // wavelet, adain, none
  std::vector<std::int32_t> positive_tokens;  // 77
  std::vector<std::int32_t> negative_tokens;  // 77
  std::uint64_t seed = 231;
  std::string rng = "torch";  // torch, cuda: whose noise the seed gives, that of torch's CPU or of its CUDA generator
  std::vector<Tensor> noise;  // recorded draws that replace the generator
  TilingOptions tiling;
  PadMode padding = PadMode::reflect;
  /// The reference's quirks where ours differs: 8-bit levels cut off instead of rounded, off-centre blending of tiles,
  /// tile statistics without the spread of means.
  bool parity = false;
  bool trace = false;
  /// Whether networks stay open when their stage is over, for the next job. False: before and after the job none is
  /// open.
  bool keep_networks = true;
};

/// Size of what a restoration gives: trunc(side * upscale), at least 1.
Size output_size(Size input, double upscale);

struct StageTime {
  Stage stage;
  double milliseconds;
};

struct RestoreResult {
  Image image;
  std::vector<StageTime> times;
  std::map<std::string, Tensor> trace;
};

/// Runs the two-stage method (DiffBIR paper, figure 2; behaviour.md 2) on one picture. Frees the job's picture when it
/// has been read.
RestoreResult restore(Model& model, RestoreJob job, CancellationToken& token, const ProgressCallback& on_progress);

}  // namespace diffbir
