#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/cancellation.h"
#include "core/noise.h"
#include "core/tensor.h"
#include "pipeline/networks.h"
#include "pipeline/restore.h"

namespace diffbir {

inline constexpr std::int64_t latent_alignment = 8;  // cells, for the UNet's three halvings

/// Intermediate tensors of a run by name; empty unless the job asks for a trace.
class Trace {
 public:
  explicit Trace(bool enabled) : enabled_(enabled) {}
  void record(const std::string& name, const Tensor& value) {
    if (enabled_) tensors_.insert_or_assign(name, value.to_host());
  }
  void remove(const std::string& name) { tensors_.erase(name); }
  /// Appends a step's latent [1,C,h,w] to [steps,C,h,w].
  void append(const std::string& name, const Tensor& value);
  std::map<std::string, Tensor> take() && { return std::move(tensors_); }

 private:
  bool enabled_;
  std::map<std::string, Tensor> tensors_;
};

/// The noise of a picture, from its first draw on.
using MakeNoise = std::function<std::unique_ptr<NoiseSource>()>;

/// Stage 2 (DiffBIR paper, section 3.3 and 3.4; behaviour.md 2.4): real detail by the diffusion prior, steered by the
/// condition image. cond_img [1,3,H,W] nominally in 0..1, -> sample of the same size, nominally
/// in -1..1, not clamped. Everything lies where cond_img lies; so must what comes from noise. A model in 8 or 16 bits
/// whose latents are not finite samples once more in float32, from the same noise.
Tensor diffuse(Stage2Networks& networks, const Tensor& cond_img, const RestoreJob& job, const MakeNoise& make_noise,
               CancellationToken& token, const ProgressCallback& on_progress, Trace& trace);

}  // namespace diffbir
