#include "pipeline/networks.h"

#include <algorithm>
#include <utility>

#include "core/each.h"
#include "core/error.h"
#include "diffusion/kernels.h"
#include "nets/autoencoder_kl.h"
#include "nets/clip_text.h"
#include "nets/controlnet.h"
#include "nets/parsenet.h"
#include "nets/retinaface.h"
#include "nets/rrdbnet.h"
#include "nets/scunet.h"
#include "nets/srvgg.h"
#include "nets/swinir.h"
#include "nets/unet.h"
#include "runtime/provider/libraries.h"

namespace diffbir {
namespace {

std::vector<std::int64_t> integers(const NetworkSpec& spec, const std::string& key) {
  const auto entry = spec.config.find(key);
  if (entry == spec.config.end() || entry->second.empty()) {
    throw Error(ErrorCode::model_mismatch,
                "Expected " + key + " in the config of the " + spec.type + " network: tensor shapes cannot tell it");
  }
  std::vector<std::int64_t> values;
  for (const double value : entry->second) {
    if (!(value >= 1 && value <= 1 << 20)) {
      throw Error(ErrorCode::model_mismatch, "Expected a positive " + key + " in the config of the " + spec.type +
                                                 " network but it is " + std::to_string(value));
    }
    values.push_back(static_cast<std::int64_t>(value));
  }
  return values;
}

std::int64_t integer(const NetworkSpec& spec, const std::string& key) { return integers(spec, key).front(); }

std::int64_t integer_or(const NetworkSpec& spec, const std::string& key, std::int64_t fallback) {
  return spec.config.contains(key) ? integer(spec, key) : fallback;
}

nets::UNetConfig unet_config(const NetworkSpec& spec) { return {integer(spec, "num_head_channels")}; }

graph::BuildOptions build_options(const NetworkSpec& spec, const std::set<std::string>& marks = {}) {
  // The face networks are small, and their batch normalisations have parameters of any size.
  const bool is_float32 = spec.type == "retinaface" || spec.type == "parsenet";
  graph::Fusions fusions = spec.optimizations.fusions;
  if (is_float32) fusions.nhwc = false;  // ONNX Runtime makes convolution and batch normalisation one, if not in NHWC
  return {.marks = marks,
          .norm_groups = integer_or(spec, "norm_num_groups", 32),
          .fusions = fusions,
          .precision = is_float32 ? graph::Precision::float32 : spec.precision,
          .rounded = spec.optimizations.rounded,
          .definitions = spec.optimizations.definitions,
          .own_kernels = spec.optimizations.own_kernels};
}

graph::Module root(const NetworkSpec& spec) { return {spec.weights, spec.prefix}; }

/// Packed weights save time in networks of wide feature maps and few weights (a third of the decoder's), and little in
/// those that have gigabytes of them (docs/decisions/0011-loading.md).
runtime::Weights weights_of(const std::string& type) {
  const bool is_large = type.starts_with("unet") || type == "controlnet" || type == "clip_text";
  return is_large ? runtime::Weights::mapped : runtime::Weights::packed;
}

/// The first `channels` channels of x [B,C,h,w], times a factor.
Tensor scaled_channels(const Tensor& x, std::int64_t channels, float factor) {
  Tensor result({x.dim(0), channels, x.dim(2), x.dim(3)}, x.device());
  const auto item = static_cast<std::size_t>(x.dim(1) * x.dim(2) * x.dim(3));
  const auto kept = static_cast<std::size_t>(channels * x.dim(2) * x.dim(3));
  for (std::size_t batch = 0; batch < static_cast<std::size_t>(x.dim(0)); ++batch) {
    copy_values(x, batch * item, kept, result, batch * kept);
  }
  each(Scale{factor}, result, result);
  return result;
}

constexpr std::int64_t whole_picture = 0;

/// How far tiles look into their neighbours (behaviour.md 6.1), in units of the network's input.
constexpr std::int64_t encoder_overlap = 32;
constexpr std::int64_t decoder_overlap = 11;

/// Output size per input size.
struct Ratio {
  std::int64_t output, input;
  std::int64_t operator()(std::int64_t size) const { return size * output / input; }
};

/// Copies a tile's own part of its output to its place in the whole.
void place(Tensor& whole, const OverlappingTile& tile, const Tensor& output, Ratio ratio) {
  const Tensor own = cut(output, {ratio(tile.own.y - tile.input.y), ratio(tile.own.x - tile.input.x),
                                  ratio(tile.own.height), ratio(tile.own.width)});
  paste(whole, own, ratio(tile.own.y), ratio(tile.own.x));
}

/// What `run` makes with the network or, where float16 leaves its range, with one in float32 that is open as long.
template <typename Run>
Tensor run_finite(StageNetwork& network, CancellationToken& token, Run run) {
  Tensor result = run(network.open(token));
  if (!network.is_float16() || all_finite(result)) return result;
  StageNetwork precise = network.in_float32();
  return run(precise.open(token));
}

/// The output of a network for pictures.
Tensor only_output(StageNetwork& network, std::span<const Ort::Value> inputs, CancellationToken& token) {
  return run_finite(network, token, [&](runtime::Network& opened) { return opened.run_to_tensor(inputs, token); });
}

TileSource source_of(const Tensor& x) {
  return {x.dim(2), x.dim(3), [&x](const Tile& tile) { return cut(x, tile); }};
}

Tensor run_in_tiles(runtime::Network& network, const TileSource& x, const std::vector<OverlappingTile>& tiles,
                    Ratio ratio, CancellationToken& token, const TiledRun& tiled) {
  Tensor whole;
  run_in_lock_step(network, x, tiles, tiled.lock_step, token, [&](const OverlappingTile& tile, const Tensor& output) {
    if (whole.empty()) {
      whole = Tensor({output.dim(0), output.dim(1), ratio(x.height), ratio(x.width)}, output.device());
    }
    place(whole, tile, output, ratio);
  });
  return whole;
}

Tensor run_autoencoder(StageNetwork& half, const TileSource& x, std::int64_t overlap, Ratio ratio,
                       CancellationToken& token, const TiledRun& tiled) {
  const auto tiles = overlapping_tiles(x.height, x.width, tiled.tile, overlap);
  half.set_tiled(tiles.size() > 1);
  return run_finite(half, token, [&](runtime::Network& network) {
    if (tiles.size() > 1) return run_in_tiles(network, x, tiles, ratio, token, tiled);
    const Tensor picture = x.cut(tiles.front().input);
    const Ort::Value inputs[] = {runtime::view(picture), runtime::view(whole_picture)};
    return network.run_to_tensor(inputs, token);
  });
}

/// Where a device has no memory for it, in tiles of half the size: what came before is not lost.
Tensor run_autoencoder(StageNetwork& half, const TileSource& x, std::int64_t overlap, Ratio ratio,
                       CancellationToken& token, const std::optional<TiledRun>& tiled) {
  constexpr std::int64_t least_cells = 16;
  TiledRun run = tiled.value_or(TiledRun{std::max(x.height, x.width), {}});
  for (;;) {
    try {
      return run_autoencoder(half, x, overlap, ratio, token, run);
    } catch (const Error& error) {
      const std::int64_t cells = std::min(run.tile, std::max(x.height, x.width)) / ratio.input / 2;
      if (error.code() != ErrorCode::out_of_memory || !half.is_on_device() || cells < least_cells) throw;
      run.tile = cells * ratio.input;
    }
  }
}

}  // namespace

void require_matching(const Stage2Spec& spec) {
  const auto require = [](bool matches, const std::string& what, const NetworkSpec& a, const NetworkSpec& b) {
    if (matches) return;
    throw Error(ErrorCode::model_mismatch, "Expected " + what + ", but " + a.weights->file() + " (" + a.type +
                                               ") and " + b.weights->file() + " (" + b.type + ") do not fit together");
  };
  const graph::Module unet = root(spec.unet);
  const graph::Module controlnet = root(spec.controlnet);
  const std::int64_t latent_channels = unet.size("input_blocks.0.0.weight", 1);
  require(nets::encoder_channels(unet) == nets::encoder_channels(controlnet),
          "a ControlNet of the UNet's widths and depth", spec.controlnet, spec.unet);
  require(controlnet.size("input_blocks.0.0.weight", 1) == 2 * latent_channels,
          "a ControlNet that takes the latent and the condition latent", spec.controlnet, spec.unet);
  if (spec.text_encoder) {
    for (const NetworkSpec* network : {&spec.unet, &spec.controlnet}) {
      require(nets::context_width(root(*network)) == root(*spec.text_encoder).size("ln_final.weight", 0),
              "a text encoder as wide as the cross-attentions' context", *spec.text_encoder, *network);
    }
  }
  require(root(spec.vae_decoder).size("post_quant_conv.weight", 1) == latent_channels,
          "an autoencoder with as many latent channels as the UNet", spec.vae_decoder, spec.unet);
}

std::int64_t context_width(const NetworkSpec& unet) { return nets::context_width(root(unet)); }

graph::Graph build_graph(const NetworkSpec& spec, const std::set<std::string>& marks, CancellationToken* token,
                         int threads) {
  graph::BuildOptions options = build_options(spec, marks);
  options.token = token;
  options.threads = threads;
  if (spec.type == "swinir") {
    return nets::swinir(root(spec), {integers(spec, "num_heads"), integer_or(spec, "window_size", 8)}, options);
  }
  if (spec.type == "rrdbnet") return nets::rrdbnet(root(spec), options);
  if (spec.type == "srvgg") return nets::srvgg(root(spec), options);
  if (spec.type == "scunet") return nets::scunet(root(spec), options);
  if (spec.type == "retinaface") return nets::retinaface(root(spec), options);
  if (spec.type == "parsenet") return nets::parsenet(root(spec), options);
  if (spec.type == "unet") return nets::unet(root(spec), unet_config(spec), options);
  if (spec.type == "unet_decoder") return nets::unet_decoder(root(spec), unet_config(spec), options);
  if (spec.type == "unet_shallow") return nets::unet_shallow(root(spec), unet_config(spec), options);
  if (spec.type == "controlnet") return nets::controlnet(root(spec), unet_config(spec), options);
  if (spec.type == "vae_encoder") return nets::vae_encoder(root(spec), options);
  if (spec.type == "vae_decoder_gradient") return nets::vae_decoder_gradient(root(spec), options);
  if (spec.type == "vae_decoder") return nets::vae_decoder(root(spec), options);
  if (spec.type == "clip_text") {
    return nets::clip_text(root(spec), {integer(spec, "heads"), integer_or(spec, "layers", 0)}, options);
  }
  throw Error(ErrorCode::model_mismatch, "Expected a known network type but received " + spec.type);
}

runtime::Network build_network(NetworkSpec spec, runtime::NetworkOptions options, const std::set<std::string>& marks) {
  // It has no operators of ours, and what it records was never seen.
  if (runtime::has_cuda_plugin(options.execution)) {
    spec.optimizations.fusions.fused_kernels = false;
    options.execution.cuda_graphs = false;
  }
  // The kernel of NhwcConv learns where ONNX Runtime packs weights that its own lie in NHWC.
  const bool may_map = spec.optimizations.mapped_weights && !spec.optimizations.fusions.nhwc;
  options.weights = may_map ? weights_of(spec.type) : runtime::Weights::packed;
  options.float16 = spec.precision == graph::Precision::float16 || spec.optimizations.tf32;
  options.runs_often = spec.type.starts_with("unet") || spec.type == "controlnet";
  // Planned, an arena that is kept has one piece more, and the autoencoder more than its large feature maps take one by
  // one. Cleaners have many operators with small ones.
  options.memory_pattern = !options.runs_often && !spec.type.starts_with("vae");
  options.optimize_graph = spec.optimizations.graph;
  return runtime::Network(build_graph(spec, marks, options.token, options.threads), options);
}

std::set<std::string> unet_features(const NetworkSpec& unet, bool deep) {
  if (deep) return {nets::deep_feature(root(unet))};
  const auto paths = nets::encoder_features(root(unet));
  return {paths.begin(), paths.end()};
}

void Stage2Networks::close() noexcept {
  if (text_encoder) text_encoder->close();
  autoencoder.close();
  controlled_unet.close();
}

void FaceNetworks::close() noexcept {
  cleaner.close();
  detector.close();
  parser.close();
}

void Model::Networks::close() noexcept {
  cleaner.close();
  if (stage2) stage2->close();
  if (faces) faces->close();
}

FaceNetworks& face_networks(Model& model) {
  auto& faces = model.networks().faces;
  if (!faces) throw Error(ErrorCode::internal, "Expected a model with face networks");
  return *faces;
}

Cleaner make_cleaner(const NetworkSpec& spec, const runtime::NetworkOptions& options, Opening opening) {
  if (spec.type == "none") return {.run = [](const Tensor& x, CancellationToken&) { return x; }};

  const auto network = std::make_shared<StageNetwork>(spec, options, opening);
  const auto plain = [network](const Tensor& x, CancellationToken& token) {
    const Ort::Value inputs[] = {runtime::view(x)};
    return only_output(*network, inputs, token);
  };
  if (spec.type == "rrdbnet") {
    return {.scale = nets::rrdbnet_scale(root(spec)),
            .alignment = nets::rrdbnet_unshuffle(root(spec)),
            .run = plain,
            .network = network};
  }
  if (spec.type == "srvgg") return {.scale = nets::srvgg_scale(root(spec)), .run = plain, .network = network};
  if (spec.type == "scunet") return {.run = plain, .network = network};
  if (spec.type == "swinir") {
    const std::int64_t alignment = nets::swinir_unshuffle(root(spec)) * integer_or(spec, "window_size", 8);
    return {.alignment = alignment, .enlarges_first = true, .run = plain, .network = network};
  }
  throw Error(ErrorCode::model_mismatch,
              "Expected swinir, rrdbnet, srvgg, scunet or none as the type of the cleaner but received " + spec.type);
}

/// Of 300 KiB each; a picture has two.
constexpr std::size_t most_prompts = 16;

TextEncoder::TextEncoder(const NetworkSpec& spec, const runtime::NetworkOptions& options, Opening opening)
    : network_(spec, options, opening) {}

Tensor TextEncoder::operator()(std::span<const std::int32_t> ids, CancellationToken& token) {
  const auto known =
      std::ranges::find_if(prompts_, [&](const Prompt& prompt) { return std::ranges::equal(prompt.ids, ids); });
  if (known != prompts_.end()) {
    prompts_.splice(prompts_.begin(), prompts_, known);
    return known->embedding;
  }
  const Ort::Value inputs[] = {runtime::view(ids, {1, static_cast<std::int64_t>(ids.size())})};
  Tensor embedding = network_.open(token).run_to_tensor(inputs, token);
  network_.release_pages();  // a gigabyte that the sampler has no use for
  prompts_.push_front({{ids.begin(), ids.end()}, embedding});
  if (prompts_.size() > most_prompts) prompts_.pop_back();
  return embedding;
}

Autoencoder::Autoencoder(const NetworkSpec& encoder, const NetworkSpec& decoder, float scale_factor,
                         const runtime::NetworkOptions& options, Opening opening)
    : decoder_spec_(decoder),
      options_(options),
      encoder_(encoder, options, opening),
      decoder_(decoder, options, opening),
      scale_factor_(scale_factor) {}

Tensor Autoencoder::encode(const Tensor& image, CancellationToken& token, const std::optional<TiledRun>& tiled) {
  return encode(source_of(image), token, tiled);
}

Tensor Autoencoder::encode(const TileSource& image, CancellationToken& token, const std::optional<TiledRun>& tiled) {
  const Tensor moments = run_autoencoder(encoder_, image, encoder_overlap, {1, latent_cell}, token, tiled);
  return scaled_channels(moments, moments.dim(1) / 2, scale_factor_);  // the first half is the mean, a Gaussian's mode
}

Tensor Autoencoder::decode(const Tensor& latent, CancellationToken& token, const std::optional<TiledRun>& tiled) {
  const Tensor z = scaled_channels(latent, latent.dim(1), 1.0F / scale_factor_);
  return run_autoencoder(decoder_, source_of(z), decoder_overlap, {latent_cell, 1}, token, tiled);
}

void Autoencoder::close() noexcept {
  encoder_.close();
  decoder_.close();
  close_gradient();
}

Tensor Autoencoder::gradient(const Tensor& latent, const Tensor& target, const Tensor& weight,
                             CancellationToken& token) {
  if (!gradient_) {
    NetworkSpec spec = decoder_spec_;
    runtime::NetworkOptions options = options_;
    without_tensorrt(spec, options.execution);
    spec.type = "vae_decoder_gradient";
    spec.optimizations.tf32 = spec.precision == graph::Precision::float16;
    spec.precision = graph::Precision::float32;
    spec.optimizations.fusions.keep_nchw();
    options.token = &token;
    gradient_.emplace(std::move(spec), options, Opening::at_once);
  }
  const Tensor z = scaled_channels(latent, latent.dim(1), 1.0F / scale_factor_);
  const Ort::Value inputs[] = {runtime::view(z), runtime::view(target), runtime::view(weight)};
  const Tensor at_z = gradient_->open(token).run_to_tensor(inputs, token);
  return scaled_channels(at_z, at_z.dim(1), 1.0F / scale_factor_);
}

}  // namespace diffbir
