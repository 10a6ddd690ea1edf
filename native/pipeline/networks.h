#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/cancellation.h"
#include "core/tensor.h"
#include "diffusion/schedule.h"
#include "graph/builder.h"
#include "pipeline/controlled_unet.h"
#include "pipeline/lock_step.h"
#include "pipeline/model.h"
#include "pipeline/stage_network.h"
#include "runtime/network.h"

namespace diffbir {

/// Builds the graph of a network by its type. `marks`: module paths whose outputs shall be outputs of the graph.
/// Throws Error(model_mismatch) on an unknown type, a missing configuration value or weights that do not fit,
/// Error(aborted) when the token, which may be null, is cancelled. Parameters are converted on so many threads.
graph::Graph build_graph(const NetworkSpec& spec, const std::set<std::string>& marks = {},
                         CancellationToken* token = nullptr, int threads = 1);

/// Builds the network. Its spec decides what it computes with, the mapped checkpoint or packed copies, and whether ONNX
/// Runtime optimises its graph, whatever `options` say. Throws what build_graph() throws.
runtime::Network build_network(NetworkSpec spec, runtime::NetworkOptions options,
                               const std::set<std::string>& marks = {});

/// The marks of a UNet whose outputs its parts take: those of its encoder, or the one of its deeper blocks.
std::set<std::string> unet_features(const NetworkSpec& unet, bool deep);

/// Throws Error(model_mismatch) that names both files where the networks of stage 2 are of different geometries.
void require_matching(const Stage2Spec& spec);

/// A stage-1 network.
struct Cleaner {
  /// Output size per input size: 1 for restoration networks, which work on a picture that was enlarged before; 2 or 4
  /// for those that enlarge it themselves.
  std::int64_t scale = 1;
  /// What the sides of its input must be multiples of.
  std::int64_t alignment = 1;
  /// Whether a picture too small for stage 2 is enlarged before the network sees it (SwinIR) or afterwards.
  bool enlarges_first = false;
  /// x [B,3,H,W] in 0..1 -> [B,3,scale H,scale W], not clamped.
  std::function<Tensor(const Tensor& x, CancellationToken& token)> run = {};
  std::shared_ptr<StageNetwork> network = {};  // empty for none

  void close() const noexcept {
    if (network) network->close();
  }
};

/// Width of the context that a UNet takes.
std::int64_t context_width(const NetworkSpec& unet);

/// swinir, rrdbnet, srvgg, scunet, or none: the picture as it is (the paper's ablation).
Cleaner make_cleaner(const NetworkSpec& spec, const runtime::NetworkOptions& options, Opening opening);

/// OpenCLIP's text tower.
class TextEncoder {
 public:
  TextEncoder(const NetworkSpec& spec, const runtime::NetworkOptions& options, Opening opening);
  /// One prompt's token ids -> [1,77,width]. The last prompts are remembered: most pictures have the same.
  Tensor operator()(std::span<const std::int32_t> ids, CancellationToken& token);

  void close() noexcept { network_.close(); }

 private:
  struct Prompt {
    std::vector<std::int32_t> ids;
    Tensor embedding;
  };

  StageNetwork network_;
  std::list<Prompt> prompts_;  // the last one used comes first
};

/// A network's work on tiles: their size in units of the network's input, and how they pass through it.
struct TiledRun {
  std::int64_t tile;
  LockStepOptions lock_step;
};

inline constexpr std::int64_t latent_cell = 8;  // pixels a side

/// The KL autoencoder, in units of the diffusion model: latents carry the scale factor.
class Autoencoder {
 public:
  Autoencoder(const NetworkSpec& encoder, const NetworkSpec& decoder, float scale_factor,
              const runtime::NetworkOptions& options, Opening opening);
  // On a device both halve their tiles, down to 128 pixels, while it has no memory for them.

  /// image [B,3,H,W] in -1..1, sides multiples of 8 -> the posterior's mode [B,z,H/8,W/8]. Tiles are measured in pixels
  /// and must be multiples of 8.
  Tensor encode(const TileSource& image, CancellationToken& token, const std::optional<TiledRun>& tiled = {});
  Tensor encode(const Tensor& image, CancellationToken& token, const std::optional<TiledRun>& tiled = {});
  /// latent [B,z,h,w] -> image [B,3,8h,8w], nominally in -1..1. Tiles are measured in latent cells.
  Tensor decode(const Tensor& latent, CancellationToken& token, const std::optional<TiledRun>& tiled = {});

  /// The gradient at latent [B,z,h,w] of sum(weight (decode(latent) - target)^2) / 2 for a target [B,3,8h,8w] and a
  /// weight [B,1,8h,8w], or [1,1,1,1] for all pixels alike. The picture is decoded whole; memory is several times that
  /// of decode(). In float32, on a GPU with tensor cores where the decoder is of float16. The network for it is opened
  /// at the first call; all tensors lie where networks run.
  Tensor gradient(const Tensor& latent, const Tensor& target, const Tensor& weight, CancellationToken& token);
  /// Closes what gradient() has opened.
  void close_gradient() noexcept { gradient_.reset(); }
  /// Closes both halves and the gradient.
  void close() noexcept;

 private:
  NetworkSpec decoder_spec_;
  runtime::NetworkOptions options_;  // their token is of the loading alone
  StageNetwork encoder_;
  StageNetwork decoder_;
  std::optional<StageNetwork> gradient_;
  float scale_factor_;
};

struct Stage2Networks {
  std::optional<TextEncoder> text_encoder;
  std::int64_t context_width;
  Autoencoder autoencoder;
  ControlledUNet controlled_unet;
  NoiseSchedule schedule;
  std::int64_t min_short_edge;

  void close() noexcept;
};

struct FaceNetworks {
  Cleaner cleaner;
  StageNetwork detector;  // nets::retinaface
  StageNetwork parser;    // nets::parsenet

  void close() noexcept;
};

/// Those of a model that has them. Throws Error(internal) for one that has none.
FaceNetworks& face_networks(Model& model);

struct Model::Networks {
  std::shared_ptr<Device> device;  // where tensors lie between the networks; null is the host
  Cleaner cleaner;
  std::optional<Stage2Networks> stage2;
  std::optional<FaceNetworks> faces;

  void close() noexcept;
};

}  // namespace diffbir
