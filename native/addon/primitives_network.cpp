#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "addon/convert.h"
#include "addon/primitives.h"
#include "nets/window_attention.h"
#include "pipeline/networks.h"
#include "runtime/network.h"

namespace diffbir {

namespace {

/// An input of a network: float32 values or token ids, kept alive while the network looks at them.
struct NetworkInput {
  Tensor tensor;
  std::vector<std::int32_t> ids;
};

/// Runs on the calling thread, inputs by name; an Int32Array of n ids is an input of shape [1, n].
Napi::Value run_network(const Napi::CallbackInfo& info, runtime::Network& network) {
  const Napi::Object given = to_object(info[0], "inputs");
  std::vector<NetworkInput> inputs;
  for (const std::string& name : network.input_names()) {
    const Napi::Value value = given.Get(name);
    if (value.IsTypedArray()) {
      inputs.push_back({{}, to_int32s(value, name)});
    } else {
      inputs.push_back({to_tensor(value, name), {}});
    }
  }
  std::vector<Ort::Value> values;
  for (const NetworkInput& input : inputs) {
    const auto count = static_cast<std::int64_t>(input.ids.size());
    values.push_back(count > 0 ? runtime::view(input.ids, {1, count}) : runtime::view(input.tensor));
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
      std::make_shared<runtime::Network>(build_graph(spec, marks), runtime::NetworkOptions{.threads = threads});
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

}  // namespace

void add_network_primitives(Napi::Object primitives) {
  set_function(primitives, "createNetwork", create_network);
  set_function(primitives, "shiftedWindowMask", shifted_window_mask);
}

}  // namespace diffbir
