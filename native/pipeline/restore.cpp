#include "pipeline/restore.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "core/cuda_rng.h"
#include "core/error.h"
#include "core/rng.h"
#include "imaging/adain.h"
#include "imaging/on_device.h"
#include "imaging/pixels.h"
#include "imaging/resize.h"
#include "imaging/wavelet.h"
#include "pipeline/networks.h"
#include "pipeline/stage1.h"
#include "pipeline/stage2.h"
#include "runtime/environment.h"

namespace diffbir {
namespace {

/// Turns progress messages into stage times: a stage ends when its last step is reported.
class StageClock {
  using Clock = std::chrono::steady_clock;

 public:
  void report(const Progress& progress) {
    if (progress.step != progress.steps) return;
    const auto now = Clock::now();
    times_.push_back({progress.stage, std::chrono::duration<double, std::milli>(now - stage_start_).count()});
    stage_start_ = now;
  }
  std::vector<StageTime> take() && { return std::move(times_); }

 private:
  Clock::time_point stage_start_ = Clock::now();
  std::vector<StageTime> times_;
};

std::unique_ptr<NoiseSource> noise_source(const RestoreJob& job, const Device* device) {
  if (!job.noise.empty()) return std::make_unique<RecordedNoise>(job.noise);
  if (job.rng == "cuda") {
    const auto card = device ? device->philox_card() : std::nullopt;
    return std::make_unique<CudaNoise>(job.seed, card.value_or(h100));
  }
  return std::make_unique<TorchNoise>(job.seed);
}

/// The colours of the condition image, which the diffusion model has drifted from.
Tensor fix_colors(const std::string& method, Tensor sample, const Tensor& cond_img) {
  if (method == "wavelet") return wavelet_reconstruction(std::move(sample), cond_img);
  if (method == "adain") return adaptive_instance_normalization(sample, cond_img);
  return sample;
}

/// What stage 1 gets to see, moved out of the job: networks that enlarge take the picture as it came.
PictureSource stage1_input(RestoreJob& job, const Cleaner& cleaner, Size size, const std::shared_ptr<Device>& device) {
  Image image = std::exchange(job.image, {});
  const Size given{image.height, image.width};
  const bool fits = (size.height == given.height && size.width == given.width) || cleaner.scale > 1;
  if (device) {
    on_device::DevicePicture uploaded(image, device);
    const auto picture =
        std::make_shared<on_device::DevicePicture>(fits ? std::move(uploaded) : uploaded.resized_bicubic_pil(size));
    return {picture->size(), [picture](std::span<const Tile> tiles) { return picture->tiles(tiles); }};
  }
  if (!fits) image = resize_bicubic_pil(image, size.width, size.height);
  const auto picture = std::make_shared<Image>(std::move(image));
  return {{picture->height, picture->width},
          [picture](std::span<const Tile> tiles) { return image_to_tensor(*picture, tiles); }};
}

/// No networks before and after a job that shall not keep them, whatever ends it.
class ClosedAround {
 public:
  ClosedAround(Model::Networks& networks, bool applies) : networks_(networks), applies_(applies) { close(); }
  ~ClosedAround() { close(); }
  ClosedAround(const ClosedAround&) = delete;
  ClosedAround& operator=(const ClosedAround&) = delete;

 private:
  void close() noexcept {
    if (!applies_) return;
    networks_.close();
    runtime::return_free_memory();
  }
  Model::Networks& networks_;
  bool applies_;
};

CleanOptions clean_options(const RestoreJob& job, const Model::Networks& networks, Size input, Size output,
                           const ProgressCallback& report) {
  CleanOptions options{.output_size = output};
  options.minimum_short_edge = job.stage == 2 ? networks.stage2->min_short_edge : 0;
  options.padding = job.padding;
  options.blend_centre = job.parity ? BlendCentre::reference : BlendCentre::middle;
  const std::int64_t tile = job.tiling.cleaner.tile;
  const auto [shorter, longer] = std::minmax({input.height, input.width});
  if (tile > 0 && (job.parity ? shorter >= tile : longer > tile)) options.tiles = job.tiling.cleaner;
  options.batch = job.tiling.batch;
  options.on_tile = [&report](int done, int tiles) {
    if (done < tiles) report({Stage::stage1, done, tiles});
  };
  return options;
}

}  // namespace

Size output_size(Size input, double upscale) {
  const auto scaled = [&](std::int64_t size) {
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(size) * upscale));
  };
  return {scaled(input.height), scaled(input.width)};
}

RestoreResult restore(Model& model, RestoreJob job, CancellationToken& token, const ProgressCallback& on_progress) {
  Model::Networks& networks = model.networks();
  if (job.stage == 2 && !networks.stage2) {
    throw Error(ErrorCode::invalid_option, "Expected 1 for stage but received 2: the model has no stage-2 networks");
  }
  const Cleaner& cleaner = job.is_face ? face_networks(model).cleaner : networks.cleaner;
  token.check();
  const ClosedAround closed(networks, !job.keep_networks);
  Trace trace(job.trace);
  StageClock clock;
  const ProgressCallback report = [&](const Progress& progress) {
    clock.report(progress);
    // Looking through the heap takes milliseconds, as long as a step on a GPU, whose work leaves nothing there.
    if (!networks.device) runtime::return_free_memory();
    on_progress(progress);
  };

  const Size size = output_size({job.image.height, job.image.width}, job.upscale);
  PictureSource lq = stage1_input(job, cleaner, size, networks.device);
  Tensor cond_img = clean(cleaner, lq, clean_options(job, networks, lq.size, size, report), token);
  lq = {};
  if (!job.keep_networks) cleaner.close();
  trace.record("cond_img", cond_img);
  report({Stage::stage1, 1, 1});

  Tensor result;
  if (job.stage == 2) {
    const auto noise = [&] {
      return std::make_unique<NoiseOnDevice>(noise_source(job, networks.device.get()), networks.device);
    };
    result = diffuse(*networks.stage2, cond_img, job, noise, token, report, trace);
    to_unsigned(result);
    trace.record("decoded01", result);
    result = fix_colors(job.color_fix, std::move(result), cond_img);
    trace.record("color_fixed", result);
    cond_img = {};
  } else {
    result = std::move(cond_img);
  }
  token.check();
  if (result.dim(2) != size.height || result.dim(3) != size.width) {
    result = resize_bicubic_antialias(result, size.height, size.width);
  }
  Image image = tensor_to_image(result, 0, job.parity ? Rounding::truncate : Rounding::nearest);
  report({Stage::finish, 1, 1});
  return {std::move(image), std::move(clock).take(), std::move(trace).take()};
}

}  // namespace diffbir
