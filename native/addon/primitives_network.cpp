#include <list>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "addon/convert.h"
#include "addon/primitives.h"
#include "nets/window_attention.h"
#include "pipeline/network_store.h"
#include "pipeline/networks.h"
#include "runtime/network.h"

namespace diffbir {

namespace {

constexpr std::int64_t whole_picture = 0;  // the value of a network's `tile` input

/// Runs on the calling thread, inputs by name; an Int32Array of n ids is an input of shape [1, n].
Napi::Value run_network(const Napi::CallbackInfo& info, runtime::Network& network) {
  const Napi::Object given = to_object(info[0], "inputs");
  std::list<Tensor> tensors;  // lists, so that what the values look at stays where it is
  std::list<std::vector<std::int32_t>> ids;
  std::vector<Ort::Value> values;
  for (const std::string& name : network.input_names()) {
    const Napi::Value value = given.Get(name);
    if (name == "tile") {
      values.push_back(runtime::view(whole_picture));
    } else if (value.IsTypedArray()) {
      ids.push_back(to_int32s(value, name));
      values.push_back(runtime::view(ids.back(), {1, static_cast<std::int64_t>(ids.back().size())}));
    } else {
      tensors.push_back(to_tensor(value, name));
      values.push_back(runtime::view(tensors.back()));
    }
  }
  CancellationToken never;
  const std::vector<Ort::Value> outputs = network.run(values, never);
  Napi::Object result = Napi::Object::New(info.Env());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    result.Set(network.output_names()[i], from_tensor(info.Env(), runtime::to_tensor(outputs[i])));
  }
  return result;
}

Napi::Value create_network(const Napi::CallbackInfo& info) {
  const NetworkSpec spec = to_network_spec(info[0], "spec");
  const auto threads = static_cast<int>(to_integer(info[1], "threads", 1, 1024));
  const Napi::Array names = to_array(info[2], "outputs");
  std::set<std::string> marks;
  for (std::uint32_t i = 0; i < names.Length(); ++i) marks.insert(to_text(names[i], "outputs"));

  const auto network =
      std::make_shared<runtime::Network>(build_network(spec, runtime::NetworkOptions{.threads = threads}, marks));
  Napi::Object handle = Napi::Object::New(info.Env());
  set_function(handle, "run", [network](const Napi::CallbackInfo& call) { return run_network(call, *network); });
  return handle;
}

Napi::Value shifted_window_mask(const Napi::CallbackInfo& info) {
  const auto side = [&](std::size_t index, const char* name) { return to_integer(info[index], name, 1, 1 << 16); };
  const std::int64_t height = side(0, "height");
  const std::int64_t width = side(1, "width");
  const std::int64_t window = side(2, "window");
  const auto masked = static_cast<float>(to_number(info[3], "masked"));
  return from_tensor(info.Env(), nets::shifted_window_mask(height, width, window, masked));
}

/// autoencoder(encoder, decoder, threads): both halves on tiles, in units of the diffusion model (scale factor 1).
Napi::Value create_autoencoder(const Napi::CallbackInfo& info) {
  const NetworkSpec encoder = to_network_spec(info[0], "encoder");
  const NetworkSpec decoder = to_network_spec(info[1], "decoder");
  const auto threads = static_cast<int>(to_integer(info[2], "threads", 1, 1024));
  const auto autoencoder = std::make_shared<Autoencoder>(
      encoder, decoder, 1.0F, runtime::NetworkOptions{.threads = threads, .token = nullptr}, Opening::at_once);
  const auto tiling = [](const Napi::CallbackInfo& call) {
    LockStepOptions lock_step{.pooling = to_text(call[2], "pooling") == "reference" ? runtime::Pooling::reference
                                                                                    : runtime::Pooling::exact};
    lock_step.at_once = to_boolean(call[3], "atOnce");
    return TiledRun{to_integer(call[1], "tile", 1, 1 << 16), lock_step};
  };
  Napi::Object handle = Napi::Object::New(info.Env());
  set_function(handle, "encode", [=](const Napi::CallbackInfo& call) -> Napi::Value {
    CancellationToken never;
    return from_tensor(call.Env(), autoencoder->encode(to_tensor(call[0], "image"), never, tiling(call)));
  });
  set_function(handle, "decode", [=](const Napi::CallbackInfo& call) -> Napi::Value {
    CancellationToken never;
    return from_tensor(call.Env(), autoencoder->decode(to_tensor(call[0], "latent"), never, tiling(call)));
  });
  set_function(handle, "gradient", [=](const Napi::CallbackInfo& call) -> Napi::Value {
    CancellationToken never;
    const Tensor latent = to_tensor(call[0], "latent");
    const Tensor target = to_tensor(call[1], "target");
    return from_tensor(call.Env(), autoencoder->gradient(latent, target, to_tensor(call[2], "weight"), never));
  });
  return handle;
}

}  // namespace

void add_network_primitives(Napi::Object primitives) {
  set_function(primitives, "createNetwork", create_network);
  set_function(primitives, "createAutoencoder", create_autoencoder);
  set_function(primitives, "openNetworks", [](const Napi::CallbackInfo& info) -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(open_networks()));
  });
  set_function(primitives, "shiftedWindowMask", shifted_window_mask);
}

}  // namespace diffbir
