#include "pipeline/controlled_unet.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "core/error.h"
#include "nets/unet.h"
#include "pipeline/networks.h"

namespace diffbir {
namespace {

/// [1,n,C] -> [count,n,C]
Tensor repeated(const Tensor& x, std::int64_t count) {
  Tensor result({count, x.dim(1), x.dim(2)});
  for (std::int64_t item = 0; item < count; ++item) std::ranges::copy(x.values(), result.data() + item * x.size());
  return result;
}

/// ONNX Runtime's values are handles: this is the same tensor, not a copy of it.
Ort::Value same(const Ort::Value& value) {
  const auto info = value.GetTensorTypeAndShapeInfo();
  const auto shape = info.GetShape();
  const std::size_t bytes = info.GetElementCount() * sizeof(float);
  return Ort::Value::CreateTensor(value.GetTensorMemoryInfo(), const_cast<void*>(value.GetTensorRawData()), bytes,
                                  shape.data(), shape.size(), ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
}

void append(std::vector<Ort::Value>& inputs, const std::vector<Ort::Value>& values) {
  for (const Ort::Value& value : values) inputs.push_back(same(value));
}

/// Inputs of the blocks at full size before features and controls: x, t, context, strength.
constexpr std::size_t scalars_and_x = 4;

}  // namespace

void FeatureCache::clear() {
  predictions_ = 0;
  controls_.clear();
  features_.clear();
}

ControlledUNet::ControlledUNet(const NetworkSpec& unet, const NetworkSpec& controlnet,
                               const runtime::NetworkOptions& options, Opening opening)
    : unet_spec_(unet),
      controlnet_spec_(controlnet),
      options_(options),
      unet_(unet, options, opening),
      controlnet_(controlnet, options, opening) {}

void ControlledUNet::prepare(Reuse reuse, CancellationToken& token) {
  if (prepared_ == reuse) return;
  // Features are no outputs until they are needed: ONNX Runtime keeps outputs to the end of a run, fetched or not.
  unet_.set_marks({});
  rest_.reset();
  prepared_ = Reuse::none;
  if (reuse == Reuse::none) return;
  runtime::NetworkOptions options = options_;
  options.token = &token;
  NetworkSpec rest = unet_spec_;
  rest.type = reuse == Reuse::encoder ? "unet_decoder" : "unet_shallow";
  rest_.emplace(std::move(rest), options, Opening::at_once);  // may be cancelled, and nothing is prepared then
  unet_.set_marks(unet_features(unet_spec_, reuse == Reuse::deep));
  prepared_ = reuse;
}

void ControlledUNet::close() noexcept {
  unet_.close();
  controlnet_.close();
  if (rest_) rest_->close();
  precise_.reset();
}

void ControlledUNet::release_pages() const noexcept {
  unet_.release_pages();
  controlnet_.release_pages();
}

Tensor ControlledUNet::operator()(const Inputs& inputs, FeatureCache& cache, CancellationToken& token) {
  Tensor prediction = predict(inputs, cache, token);
  const auto is_finite = [](float value) { return std::isfinite(value); };
  if (unet_spec_.precision == graph::Precision::float32 || std::ranges::all_of(prediction.values(), is_finite)) {
    return prediction;
  }
  cache.clear();
  return predict_precisely(inputs, token);
}

Tensor ControlledUNet::predict_precisely(const Inputs& inputs, CancellationToken& token) {
  if (!precise_) {
    NetworkSpec unet = unet_spec_;
    NetworkSpec controlnet = controlnet_spec_;
    unet.precision = controlnet.precision = graph::Precision::float32;
    runtime::NetworkOptions options = options_;
    options.token = &token;
    precise_ = std::make_unique<ControlledUNet>(unet, controlnet, options, Opening::at_once);
  }
  FeatureCache nothing(Reuse::none, 1);
  return precise_->predict(inputs, nothing, token);
}

Tensor ControlledUNet::predict(const Inputs& in, FeatureCache& cache, CancellationToken& token) {
  const Tensor timesteps({in.x.dim(0)}, std::vector<float>(static_cast<std::size_t>(in.x.dim(0)), in.t));
  const Tensor contexts = repeated(in.context, in.x.dim(0));
  const Tensor strength({1}, {in.strength});

  const bool is_due = cache.reuse_ == Reuse::none || cache.predictions_++ % cache.interval_ == 0;
  if (is_due) {
    cache.features_.clear();
    const Ort::Value inputs[] = {runtime::view(in.x), runtime::view(in.hint), runtime::view(timesteps),
                                 runtime::view(contexts)};
    cache.controls_ = controlnet_.open(token).run(inputs, token);
    // The UNet's graph takes the residuals in the order in which its decoder meets them: the middle block's first.
    std::ranges::reverse(cache.controls_);
  }

  std::vector<Ort::Value> inputs;
  if (is_due || cache.reuse_ == Reuse::deep) inputs.push_back(runtime::view(in.x));
  inputs.push_back(runtime::view(timesteps));
  inputs.push_back(runtime::view(contexts));
  inputs.push_back(runtime::view(strength));
  if (is_due) {
    append(inputs, cache.controls_);
    std::vector<Ort::Value> outputs = unet_.open(token).run(inputs, token);
    Tensor out = runtime::to_tensor(outputs.back());
    outputs.pop_back();
    cache.features_ = std::move(outputs);
    if (cache.reuse_ == Reuse::none) {
      cache.controls_.clear();
    } else if (cache.reuse_ == Reuse::deep) {
      // The blocks at full size have the last controls, as many as their network has inputs left.
      const std::size_t inputs_of_rest = rest_->open(token).input_names().size();
      const std::size_t used = inputs_of_rest - scalars_and_x - cache.features_.size();
      cache.controls_.erase(cache.controls_.begin(), cache.controls_.end() - static_cast<std::ptrdiff_t>(used));
    }
    return out;
  }
  append(inputs, cache.features_);
  append(inputs, cache.controls_);
  return runtime::to_tensor(rest_->open(token).run(inputs, token).front());
}

}  // namespace diffbir
