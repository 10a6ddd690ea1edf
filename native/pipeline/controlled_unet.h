#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/cancellation.h"
#include "core/tensor.h"
#include "pipeline/model.h"
#include "pipeline/reuse_schedule.h"
#include "pipeline/stage_network.h"
#include "runtime/network.h"

namespace diffbir {

/// What a prediction may take from an earlier timestep, since features change slowly from step to step.
enum class Reuse {
  none,
  encoder,  // the UNet's encoder and the ControlNet (Li et al. 2024, "Faster diffusion")
  deep,     // also the UNet's decoder but for its last block (Ma et al. 2024, "DeepCache")
};

/// The features of one stream of predictions: of one prompt and one part of the picture.
class FeatureCache {
 public:
  FeatureCache(Reuse reuse, ReuseSchedule schedule) : reuse_(reuse), schedule_(schedule) {}

 private:
  friend class ControlledUNet;
  Reuse reuse_;
  ReuseSchedule schedule_;
  std::vector<Ort::Value> controls_;  // of the middle block, then of the input blocks from the last to the first
  std::vector<Ort::Value> features_;
};

/// UNet and IRControlNet together: one call is one prediction of the steered model.
class ControlledUNet {
 public:
  ControlledUNet(const NetworkSpec& unet, const NetworkSpec& controlnet, const runtime::NetworkOptions& options,
                 Opening opening);

  struct Inputs {
    const Tensor& x;        // [B,z,h,w] with sides multiples of 8
    float t;                // 0..999
    const Tensor& context;  // [P,n,C], of each of P prompts
    const Tensor& hint;     // like x
    float strength;         // of all control residuals
  };
  /// eps or v of each prompt, [B,P z,h,w]. Takes from the cache what it may and fills it where it is due; all
  /// predictions with one cache must have one size.
  ///
  /// In 8 bits two prompts should be predicted at once: the second half of the batch is then computed as the difference
  /// from the first, so that guidance, which multiplies their difference, does not multiply errors of rounding. In
  /// float16 too: a GPU is faster with more to do at a time.
  Tensor operator()(const Inputs& inputs, FeatureCache& cache, CancellationToken& token);
  bool pairs_prompts() const noexcept { return !is_float32(); }
  bool is_float32() const noexcept { return unet_spec_.precision == graph::Precision::float32; }
  /// The same network in float32, for numbers that fewer bits cannot hold; its own until close().
  ControlledUNet& in_float32(CancellationToken& token);
  /// runtime::Network::release_pages() of its networks, whose files the parts for reuse share: sampling is over.
  void release_pages() const noexcept;
  /// Makes ready for predictions with caches of this reuse, unless it is: the UNet with the features as outputs, and
  /// the part of it that is left. Throws what open_network() throws.
  void prepare(Reuse reuse, CancellationToken& token);
  void close() noexcept;

 private:
  NetworkSpec unet_spec_;
  NetworkSpec controlnet_spec_;
  runtime::NetworkOptions options_;  // their token is of the loading alone
  Reuse prepared_ = Reuse::none;
  StageNetwork unet_;
  StageNetwork controlnet_;
  std::optional<StageNetwork> rest_;
  std::unique_ptr<ControlledUNet> precise_;  // in_float32()
};

}  // namespace diffbir
