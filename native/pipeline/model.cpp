#include "pipeline/model.h"

#include "pipeline/networks.h"
#include "pipeline/open_device.h"
#include "runtime/environment.h"

namespace diffbir {

const char* to_string(Stage stage) noexcept {
  switch (stage) {
    case Stage::load:
      return "load";
    case Stage::stage1:
      return "stage1";
    case Stage::encode:
      return "encode";
    case Stage::sample:
      return "sample";
    case Stage::decode:
      return "decode";
    case Stage::detect:
      return "detect";
    case Stage::paste:
      return "paste";
    case Stage::finish:
      break;
  }
  return "finish";
}

Model::Model(const ModelSpec& spec, CancellationToken& token, const ProgressCallback& on_progress)
    : networks_(std::make_unique<Networks>()) {
  networks_->device = open_device(spec.execution);
  runtime::NetworkOptions options{
      .threads = spec.threads, .token = &token, .execution = spec.execution, .device = networks_->device};
  const runtime::NetworkOptions of_steps = options;
  // Others run once a picture, and what is recorded keeps the memory that it computes in.
  options.execution.cuda_graphs = false;
  const Opening opening = spec.keep_networks ? Opening::at_once : Opening::on_demand;
  const int steps = (!spec.stage2 ? 1 : spec.stage2->text_encoder ? 4 : 3) + (spec.faces ? 3 : 0);
  int step = 0;
  const auto loaded = [&] {
    on_progress({Stage::load, ++step, steps});
    token.check();
  };

  if (spec.execution.provider == graph::Provider::tensorrt) {
    on_progress({Stage::load, 0, steps,
                 "TensorRT builds an engine for each network and each size that is new to it: minutes, once"});
  }
  if (spec.stage2) require_matching(*spec.stage2);
  token.check();
  networks_->cleaner = make_cleaner(spec.cleaner, options, opening);
  loaded();
  if (spec.faces) {
    Cleaner cleaner = make_cleaner(spec.faces->cleaner, options, opening);
    loaded();
    StageNetwork detector(spec.faces->detector, options, opening);
    loaded();
    StageNetwork parser(spec.faces->parser, options, opening);
    loaded();
    networks_->faces.emplace(std::move(cleaner), std::move(detector), std::move(parser));
  }
  if (!spec.stage2) return;

  const Stage2Spec& s = *spec.stage2;
  std::optional<TextEncoder> text_encoder;
  if (s.text_encoder) {
    text_encoder.emplace(*s.text_encoder, options, opening);
    loaded();
  }
  Autoencoder autoencoder(s.vae_encoder, s.vae_decoder, s.latent_scale_factor, options, opening);
  loaded();
  ControlledUNet controlled_unet(s.unet, s.controlnet, of_steps, opening);
  loaded();
  networks_->stage2.emplace(std::move(text_encoder), context_width(s.unet), std::move(autoencoder),
                            std::move(controlled_unet), NoiseSchedule(s.schedule), s.min_short_edge);
}

Model::~Model() {
  networks_.reset();
  runtime::return_free_memory();
}

}  // namespace diffbir
