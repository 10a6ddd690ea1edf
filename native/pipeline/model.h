#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/cancellation.h"
#include "diffusion/schedule.h"
#include "graph/build_options.h"
#include "runtime/provider/execution.h"
#include "weights/weight_table.h"

namespace diffbir {

/// Numbers that tensor shapes cannot tell (heads, window size), by the reference's parameter names.
using NetworkConfig = std::map<std::string, std::vector<double>>;

/// What makes a network faster or smaller and leaves its numbers as they are, but for rounding; one switch each.
struct Optimizations {
  graph::Fusions fusions;
  /// UNet, ControlNet and text encoder compute with the mapped checkpoint; else all with packed copies.
  bool mapped_weights = true;
  /// A network of float32 is a part of one of float16: on a GPU its factors have ten bits too
  /// (NetworkOptions::float16).
  bool tf32 = false;
  /// What ONNX Runtime does to a graph before it runs it (runtime::NetworkOptions::optimize_graph).
  bool graph = true;
  bool rounded = false;  // for tests, as the next: graph::BuildOptions
  bool definitions = false;
  bool own_kernels = false;

  bool operator==(const Optimizations&) const = default;
};

/// One network: its keys in a checkpoint and its configuration.
struct NetworkSpec {
  std::string type;  // swinir, unet, controlnet, vae_encoder, vae_decoder, clip_text
  std::shared_ptr<const WeightTable> weights;
  std::string prefix;
  NetworkConfig config;
  graph::Precision precision = graph::Precision::float32;  // int8: not of cleaners and text encoders
  Optimizations optimizations = {};
};

struct Stage2Spec {
  NetworkSpec vae_encoder;
  NetworkSpec vae_decoder;
  std::optional<NetworkSpec> text_encoder;  // empty: the picture alone steers
  NetworkSpec unet;
  NetworkSpec controlnet;
  ScheduleConfig schedule;
  float latent_scale_factor = 0.18215F;
  std::int64_t min_short_edge = 512;  // pixels; smaller pictures are enlarged for stage 2
};

/// What it takes to restore faces where they are in a picture. Stage 2 is the model's own.
struct FaceSpec {
  NetworkSpec cleaner;   // stage 1 of an aligned face
  NetworkSpec detector;  // retinaface
  NetworkSpec parser;    // parsenet
};

struct ModelSpec {
  NetworkSpec cleaner;
  std::optional<Stage2Spec> stage2;  // empty: only stage 1 can run
  std::optional<FaceSpec> faces;     // empty: pictures are restored as a whole alone
  int threads = 1;
  bool keep_networks = true;  // false: they are only checked, and opened when a job needs them
  runtime::Execution execution = {};
};

enum class Stage { load, detect, stage1, encode, sample, decode, finish, paste };
const char* to_string(Stage stage) noexcept;

/// `step` counts from 1 to `steps` inside the stage.
struct Progress {
  Stage stage;
  int step;
  int steps;
  std::string text = {};  // what takes so long, where it is not the usual
};
using ProgressCallback = std::function<void(const Progress&)>;

/// The networks of one model, which all models of the process share that have the same (network_store.h). Not for use
/// from two threads at once.
class Model {
 public:
  /// Opens or checks every network of the spec. Throws Error(no_device) where its device cannot be used,
  /// Error(model_mismatch) that names the file and key where weights do not fit, Error(aborted) when the token is
  /// cancelled between two networks.
  Model(const ModelSpec& spec, CancellationToken& token, const ProgressCallback& on_progress);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  struct Networks;
  Networks& networks() { return *networks_; }

 private:
  std::unique_ptr<Networks> networks_;
};

}  // namespace diffbir
