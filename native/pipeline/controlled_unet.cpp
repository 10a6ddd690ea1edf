#include "pipeline/controlled_unet.h"

#include <algorithm>
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

/// [P,n,C] -> [P count,n,C]: every prompt `count` times.
Tensor each_repeated(const Tensor& x, std::int64_t count) {
  Tensor result({x.dim(0) * count, x.dim(1), x.dim(2)}, x.device());
  const std::size_t size = x.size() / static_cast<std::size_t>(x.dim(0));
  for (std::int64_t i = 0; i < result.dim(0); ++i) copy_values(x, i / count * size, size, result, i * size);
  return result;
}

/// [P B,z,h,w], prompt after prompt, -> [B,P z,h,w].
Tensor side_by_side(const Tensor& x, std::int64_t prompts) {
  const std::int64_t batch = x.dim(0) / prompts;
  Tensor result({batch, prompts * x.dim(1), x.dim(2), x.dim(3)}, x.device());
  const auto size = static_cast<std::size_t>(x.dim(1) * x.dim(2) * x.dim(3));
  for (std::int64_t i = 0; i < x.dim(0); ++i) {
    const std::int64_t place = i % batch * prompts + i / batch;
    copy_values(x, i * size, size, result, place * size);
  }
  return result;
}

/// ONNX Runtime's values are handles: this is the same tensor, not a copy of it.
Ort::Value same(const Ort::Value& value) {
  const auto info = value.GetTensorTypeAndShapeInfo();
  const auto shape = info.GetShape();
  return Ort::Value::CreateTensor(value.GetTensorMemoryInfo(), const_cast<void*>(value.GetTensorRawData()),
                                  value.GetTensorSizeInBytes(), shape.data(), shape.size(), info.GetElementType());
}

void append(std::vector<Ort::Value>& inputs, const std::vector<Ort::Value>& values) {
  for (const Ort::Value& value : values) inputs.push_back(same(value));
}

}  // namespace

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
  std::set<std::string> marks = unet_features(unet_spec_, reuse == Reuse::deep);
  rest_.emplace(std::move(rest), options, Opening::at_once);  // may be cancelled, and nothing is prepared then
  unet_.set_marks(std::move(marks));
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
  if (precise_) precise_->release_pages();
}

ControlledUNet& ControlledUNet::in_float32(CancellationToken& token) {
  if (!precise_) {
    NetworkSpec unet = unet_spec_;
    NetworkSpec controlnet = controlnet_spec_;
    for (NetworkSpec* spec : {&unet, &controlnet}) {
      spec->precision = graph::Precision::float32;
      spec->optimizations.fusions.keep_nchw();
    }
    runtime::NetworkOptions options = options_;
    options.token = &token;
    precise_ = std::make_unique<ControlledUNet>(unet, controlnet, options, Opening::at_once);
  }
  return *precise_;
}

Tensor ControlledUNet::operator()(const Inputs& in, FeatureCache& cache, CancellationToken& token) {
  const std::int64_t prompts = in.context.dim(0);
  const std::int64_t batch = in.x.dim(0);
  const Tensor contexts = each_repeated(in.context, batch);
  const Tensor timesteps({batch}, std::vector<float>(static_cast<std::size_t>(batch), in.t));
  const Tensor strength({1}, {in.strength});
  const std::int64_t paired = prompts == 2 ? 1 : 0;
  const auto first_inputs = [&] {
    std::vector<Ort::Value> inputs;
    if (unet_spec_.precision == graph::Precision::int8) inputs.push_back(runtime::view(paired));
    return inputs;
  };

  const bool is_due = cache.reuse_ == Reuse::none || cache.schedule_.begins_phase(in.t);
  if (is_due) {
    cache.features_.clear();
    std::vector<Ort::Value> inputs = first_inputs();
    for (const Tensor* tensor : {&in.x, &in.hint, &timesteps, &contexts}) inputs.push_back(runtime::view(*tensor));
    cache.controls_ = controlnet_.open(token).run(inputs, token, runtime::Network::all);
    // The UNet's graph takes the residuals in the order in which its decoder meets them: the middle block's first.
    std::ranges::reverse(cache.controls_);
  }

  std::vector<Ort::Value> inputs = first_inputs();
  if (is_due || cache.reuse_ == Reuse::deep) inputs.push_back(runtime::view(in.x));
  for (const Tensor* tensor : {&timesteps, &contexts, &strength}) inputs.push_back(runtime::view(*tensor));
  const std::size_t before_features = inputs.size();
  if (!is_due) {
    append(inputs, cache.features_);
    append(inputs, cache.controls_);
    return side_by_side(rest_->open(token).run_to_tensor(inputs, token), prompts);
  }
  append(inputs, cache.controls_);
  runtime::Network& unet = unet_.open(token);
  const std::size_t features = unet.output_names().size() - 1;
  const auto& device = unet.device();
  std::vector<Ort::Value> outputs = unet.run(inputs, token, device ? runtime::Network::all : features);
  const Tensor out = runtime::to_tensor(outputs.back(), device);
  outputs.pop_back();
  cache.features_ = std::move(outputs);
  if (cache.reuse_ == Reuse::none) {
    cache.controls_.clear();
  } else if (cache.reuse_ == Reuse::deep) {
    // The blocks that are left have the last controls, as many as their network has inputs left.
    const std::size_t inputs_of_rest = rest_->open(token).input_names().size();
    const std::size_t used = inputs_of_rest - before_features - cache.features_.size();
    cache.controls_.erase(cache.controls_.begin(), cache.controls_.end() - static_cast<std::ptrdiff_t>(used));
  }
  return side_by_side(out, prompts);
}

}  // namespace diffbir
