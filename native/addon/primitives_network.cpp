#include <algorithm>
#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "addon/convert.h"
#include "addon/half_maps.h"
#include "addon/primitives.h"
#include "core/device.h"
#include "cuda/probe.h"
#include "pipeline/network_store.h"
#include "pipeline/networks.h"
#include "pipeline/open_device.h"
#include "runtime/network.h"

namespace diffbir {

namespace {

constexpr std::int64_t whole_picture = 0;  // the value of a network's `tile` input
constexpr std::int64_t alone = 0;          // values of its `paired` input
constexpr std::int64_t pairs = 1;

/// The processor as a device: what a session on a GPU needs beside the GPU itself can be tested with it.
class Processor final : public Device {
 public:
  float* allocate(std::size_t count) override { return new float[count]; }
  void release(float* memory) noexcept override { delete[] memory; }
  void zero(float* memory, std::size_t count) override { std::fill_n(memory, count, 0.0F); }
  void upload(const float* from, float* to, std::size_t count) override { std::copy_n(from, count, to); }
  void download(const float* from, float* to, std::size_t count) override { std::copy_n(from, count, to); }
  void copy(const float* from, float* to, std::size_t count) override { std::copy_n(from, count, to); }
  std::unique_ptr<FiniteCheck> begin_finite_check(const float* values, std::size_t count) override {
    return std::make_unique<HostCheck>(std::span(values, count));
  }
  void* stream() override { return nullptr; }
};

/// What a network is run on, and what the values look at.
struct Inputs {
  std::list<Tensor> tensors;  // lists, so that it stays where it is
  std::list<std::vector<std::int32_t>> ids;
  std::list<HalfMap> half_maps;
  std::vector<Ort::Value> values;
};

/// Inputs by name; an Int32Array of n ids is an input of shape [1, n]. Tensors go to a device where there is one.
Inputs to_inputs(Napi::Value value, const runtime::Network& network, const std::shared_ptr<Device>& device = nullptr) {
  const Napi::Object given = to_object(value, "inputs");
  Inputs inputs;
  for (const std::string& name : network.input_names()) {
    const Napi::Value input = given.Get(name);
    if (name == "paired") {
      inputs.values.push_back(runtime::view(input.IsUndefined() ? alone : pairs));
    } else if (name == "tile") {
      inputs.values.push_back(runtime::view(whole_picture));
    } else if (input.IsTypedArray()) {
      const auto& ids = inputs.ids.emplace_back(to_int32s(input, name));
      inputs.values.push_back(runtime::view(ids, {1, static_cast<std::int64_t>(ids.size())}));
    } else if (network.half_inputs().contains(name)) {
      inputs.values.push_back(inputs.half_maps.emplace_back(to_tensor(input, name), device).view());
    } else {
      inputs.values.push_back(runtime::view(inputs.tensors.emplace_back(to_tensor(input, name).to(device))));
    }
  }
  return inputs;
}

Napi::Object from_outputs(Napi::Env env, const runtime::Network& network, const std::vector<Ort::Value>& outputs) {
  Napi::Object result = Napi::Object::New(env);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Tensor output = is_half_map(outputs[i]) ? from_half_map(outputs[i], network.device())
                                                  : runtime::to_tensor(outputs[i], network.device()).to_host();
    result.Set(network.output_names()[i], from_tensor(env, output));
  }
  return result;
}

/// run(inputs), on the calling thread.
Napi::Value run_network(const Napi::CallbackInfo& info, runtime::Network& network) {
  const Inputs inputs = to_inputs(info[0], network);
  CancellationToken never;
  return from_outputs(info.Env(), network, network.run(inputs.values, never));
}

/// runAll(inputs[], kept): one run after the other, and only then are the outputs looked at.
Napi::Value run_all(const Napi::CallbackInfo& info, runtime::Network& network) {
  const Napi::Array given = to_array(info[0], "inputs");
  const auto kept = static_cast<std::size_t>(to_integer(info[1], "kept", 0, 1024));
  CancellationToken never;
  std::vector<std::vector<Ort::Value>> outputs;
  for (std::uint32_t i = 0; i < given.Length(); ++i) {
    const Inputs inputs = to_inputs(given[i], network);
    outputs.push_back(network.run(inputs.values, never, kept));
  }
  Napi::Array results = Napi::Array::New(info.Env(), outputs.size());
  for (std::uint32_t i = 0; i < outputs.size(); ++i) results[i] = from_outputs(info.Env(), network, outputs[i]);
  return results;
}

/// cancelRuns(inputs, milliseconds): runs without end on another thread, which is cancelled then. Gives the code and
/// the milliseconds from there to its end.
Napi::Value cancel_runs(const Napi::CallbackInfo& info, runtime::Network& network) {
  using Clock = std::chrono::steady_clock;
  const Inputs inputs = to_inputs(info[0], network);
  const std::chrono::milliseconds wait(to_integer(info[1], "milliseconds", 0, 60'000));
  CancellationToken token;
  std::string code;
  std::thread runs([&] {
    try {
      for (;;) network.run(inputs.values, token);
    } catch (const Error& error) {
      code = to_string(error.code());
    }
  });
  std::this_thread::sleep_for(wait);
  const auto begin = Clock::now();
  token.cancel();
  runs.join();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("code", code);
  result.Set("milliseconds", std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  return result;
}

/// takeTurns(count): so many threads queue for a turn, of which the second is cancelled while it waits. Gives the order
/// of the others, how many had a turn at once at most, and the code of the second.
Napi::Value take_turns(const Napi::CallbackInfo& info) {
  const auto count = static_cast<std::size_t>(to_integer(info[0], "count", 2, 64));
  Turns turns;
  std::mutex mutex;
  std::vector<std::uint32_t> order;
  int inside = 0;
  int most = 0;
  std::string code;
  std::vector<CancellationToken> tokens(count);
  const auto wait_until = [&](std::size_t queued) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (turns.queued() != queued) {
      if (std::chrono::steady_clock::now() > deadline) {
        throw Error(ErrorCode::internal, "Expected " + std::to_string(queued) + " in the queue");
      }
      std::this_thread::yield();
    }
  };
  {
    CancellationToken never;
    std::vector<std::jthread> threads;
    std::optional<Turns::Turn> first(std::in_place, turns, never);
    for (std::uint32_t i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        try {
          const Turns::Turn turn(turns, tokens[i]);
          {
            const std::lock_guard lock(mutex);
            order.push_back(i);
            most = std::max(most, ++inside);
          }
          std::this_thread::yield();
          const std::lock_guard lock(mutex);
          --inside;
        } catch (const Error& error) {
          code = to_string(error.code());
        }
      });
      wait_until(i + 2);
    }
    tokens[1].cancel();
    wait_until(count);
    first.reset();
  }
  Napi::Object result = Napi::Object::New(info.Env());
  Napi::Array list = Napi::Array::New(info.Env(), order.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) list[i] = Napi::Number::New(info.Env(), order[i]);
  result.Set("order", list);
  result.Set("most", most);
  result.Set("code", code);
  return result;
}

Napi::Value assignment_of(const Napi::CallbackInfo& info, const runtime::Network& network) {
  Napi::Array result = Napi::Array::New(info.Env());
  for (const auto& [provider, nodes, operators] : network.assignment()) {
    Napi::Object entry = Napi::Object::New(info.Env());
    entry.Set("provider", provider);
    entry.Set("nodes", static_cast<double>(nodes));
    Napi::Object types = Napi::Object::New(info.Env());
    for (const auto& [type, count] : operators) types.Set(type, static_cast<double>(count));
    entry.Set("operators", types);
    result[result.Length()] = entry;
  }
  return result;
}

/// Returns when what was queued on a network's device before is done.
void wait(const runtime::Network& network, const Ort::Value& output) {
  float number = 0;
  if (network.device()) network.device()->download(output.GetTensorData<float>(), &number, 1);
}

/// timeRuns(inputs, runs): the seconds of each run, in which nothing is passed to or from JavaScript, nor to or from
/// the network's device.
Napi::Value time_runs(const Napi::CallbackInfo& info, runtime::Network& network) {
  using Clock = std::chrono::steady_clock;
  const Inputs inputs = to_inputs(info[0], network, network.device());
  std::vector<double> seconds(static_cast<std::size_t>(to_integer(info[1], "runs", 1, 1'000'000)));
  CancellationToken never;
  for (double& time : seconds) {
    const auto begin = Clock::now();
    const auto outputs = network.run(inputs.values, never, network.device() ? runtime::Network::all : 0);
    wait(network, outputs.front());
    time = std::chrono::duration<double>(Clock::now() - begin).count();
  }
  return from_doubles(info.Env(), seconds);
}

Napi::Object network_handle(Napi::Env env, runtime::Network built) {
  const auto network = std::make_shared<runtime::Network>(std::move(built));
  Napi::Object handle = Napi::Object::New(env);
  set_function(handle, "run", [network](const Napi::CallbackInfo& call) { return run_network(call, *network); });
  set_function(handle, "timeRuns", [network](const Napi::CallbackInfo& call) { return time_runs(call, *network); });
  set_function(handle, "runAll", [network](const Napi::CallbackInfo& call) { return run_all(call, *network); });
  set_function(handle, "cancelRuns", [network](const Napi::CallbackInfo& call) { return cancel_runs(call, *network); });
  set_function(handle, "assignment",
               [network](const Napi::CallbackInfo& call) { return assignment_of(call, *network); });
  set_function(handle, "preparedRuns", [network](const Napi::CallbackInfo& call) -> Napi::Value {
    return Napi::Number::New(call.Env(), static_cast<double>(network->prepared_runs()));
  });
  set_function(handle, "endProfiling", [network](const Napi::CallbackInfo& call) -> Napi::Value {
    return Napi::String::New(call.Env(), network->end_profiling());
  });
  return handle;
}

/// createNetwork(spec, threads, outputs, profile?, execution?): without a device of its own where there is no
/// execution; with one on the CPU, the device is the processor.
Napi::Value create_network(const Napi::CallbackInfo& info) {
  runtime::NetworkOptions options{.threads = static_cast<int>(to_integer(info[1], "threads", 1, 1024))};
  options.record_assignment = true;
  if (!info[4].IsUndefined()) {
    options.execution = to_execution(info[4], "execution");
    if (options.execution.on_cpu()) {
      options.device = std::make_shared<Processor>();
    } else if (!cuda::probe().devices.empty()) {  // without one, tests look at what the provider itself says
      options.device = open_device(options.execution);
    }
  }
  const NetworkSpec spec = to_network_spec(info[0], "spec", options.execution.provider);
  const Napi::Array names = to_array(info[2], "outputs");
  std::set<std::string> marks;
  for (std::uint32_t i = 0; i < names.Length(); ++i) marks.insert(to_text(names[i], "outputs"));
  if (!info[3].IsUndefined()) options.profile = to_text(info[3], "profile");
  return network_handle(info.Env(), build_network(spec, options, marks));
}

graph::Provider to_provider_or_cpu(Napi::Value value) {
  return value.IsUndefined() ? graph::Provider::cpu : to_provider(value, "provider");
}

/// countNodes(spec, provider?): how many nodes of each type the network's graph for a provider has; no session is made
/// of it.
Napi::Value count_nodes(const Napi::CallbackInfo& info) {
  const graph::Graph graph = build_graph(to_network_spec(info[0], "spec", to_provider_or_cpu(info[1])));
  Napi::Object counts = Napi::Object::New(info.Env());
  for (const auto& [type, count] : graph.nodes) counts.Set(type, static_cast<double>(count));
  return counts;
}

/// optimizationsFor(provider)
Napi::Value optimizations_for(const Napi::CallbackInfo& info) {
  const std::vector<std::string> names = optimization_names(to_provider(info[0], "provider"));
  Napi::Array result = Napi::Array::New(info.Env(), names.size());
  for (std::uint32_t i = 0; i < names.size(); ++i) result.Set(i, names[i]);
  return result;
}

/// createLayer(weight, threads): one layer on the input x, without bias, with packed weights.
Napi::Value create_layer(const Napi::CallbackInfo& info) {
  const Tensor weight = to_tensor(info[0], "weight");
  const auto threads = static_cast<int>(to_integer(info[1], "threads", 1, 1024));
  const std::size_t rank = weight.shape().size();
  if (rank != 2 && rank != 4) refuse(info[0], "weight", "a matrix or the kernels of a convolution");

  graph::Builder b;
  const graph::Value x = b.input("x", Shape(rank, -1));
  const graph::Value w = b.constant(weight);
  if (rank == 2) {
    b.output("out", b.matmul(x, w), rank);
  } else {
    const std::int64_t top = weight.dim(2) / 2;
    const std::int64_t left = weight.dim(3) / 2;
    b.output("out", b.op("Conv", {x, w}, {{"pads", std::vector{top, left, top, left}}}), rank);
  }
  return network_handle(info.Env(), runtime::Network(b.finish(), {.threads = threads}));
}

/// createAttention(heads, width, precision, threads, provider?): attention alone, of q, k and v, in the form for a
/// provider. It runs on the CPU, which takes it in operators of the ONNX standard alone.
Napi::Value create_attention(const Napi::CallbackInfo& info) {
  const graph::AttentionOptions options{to_integer(info[0], "heads", 1, 1024), to_integer(info[1], "width", 1, 1024)};
  const auto threads = static_cast<int>(to_integer(info[3], "threads", 1, 1024));

  graph::Builder b(
      {.fusions = graph::fusions_for(to_provider_or_cpu(info[4])), .precision = to_precision(info[2], "precision")});
  const Shape tokens{-1, -1, options.heads * options.width};
  const graph::Value q = b.input("q", tokens);
  const graph::Value k = b.input("k", tokens);
  const graph::Value v = b.input("v", tokens);
  b.output("out", b.attention(q, k, v, options), tokens.size());
  return network_handle(info.Env(), runtime::Network(b.finish(), {.threads = threads}));
}

/// autoencoder(encoder, decoder, threads): both halves on tiles, in units of the diffusion model (scale factor 1).
Napi::Value create_autoencoder(const Napi::CallbackInfo& info) {
  const NetworkSpec encoder = to_network_spec(info[0], "encoder");
  const NetworkSpec decoder = to_network_spec(info[1], "decoder");
  runtime::NetworkOptions options{.threads = static_cast<int>(to_integer(info[2], "threads", 1, 1024))};
  if (!info[3].IsUndefined()) options.execution = to_execution(info[3], "execution");
  options.device = open_device(options.execution);
  const auto autoencoder = std::make_shared<Autoencoder>(encoder, decoder, 1.0F, options, Opening::at_once);
  const auto tiling = [](const Napi::CallbackInfo& call) {
    LockStepOptions lock_step{.pooling = to_text(call[2], "pooling") == "reference" ? runtime::Pooling::reference
                                                                                    : runtime::Pooling::exact};
    lock_step.at_once = to_boolean(call[3], "atOnce");
    return TiledRun{to_integer(call[1], "tile", 1, 1 << 16), lock_step};
  };
  Napi::Object handle = Napi::Object::New(info.Env());
  set_function(handle, "encode", [=, device = options.device](const Napi::CallbackInfo& call) -> Napi::Value {
    CancellationToken never;
    const Tensor image = to_tensor(call[0], "image").to(device);
    return from_tensor(call.Env(), autoencoder->encode(image, never, tiling(call)).to_host());
  });
  set_function(handle, "decode", [=, device = options.device](const Napi::CallbackInfo& call) -> Napi::Value {
    CancellationToken never;
    const Tensor latent = to_tensor(call[0], "latent").to(device);
    return from_tensor(call.Env(), autoencoder->decode(latent, never, tiling(call)).to_host());
  });
  set_function(handle, "gradient", [=, device = options.device](const Napi::CallbackInfo& call) -> Napi::Value {
    CancellationToken never;
    const Tensor latent = to_tensor(call[0], "latent").to(device);
    const Tensor target = to_tensor(call[1], "target").to(device);
    const Tensor weight = to_tensor(call[2], "weight").to(device);
    return from_tensor(call.Env(), autoencoder->gradient(latent, target, weight, never).to_host());
  });
  return handle;
}

}  // namespace

void add_network_primitives(Napi::Object primitives) {
  set_function(primitives, "createNetwork", create_network);
  set_function(primitives, "createLayer", create_layer);
  set_function(primitives, "createAttention", create_attention);
  set_function(primitives, "countNodes", count_nodes);
  set_function(primitives, "optimizationsFor", optimizations_for);
  set_function(primitives, "createAutoencoder", create_autoencoder);
  set_function(primitives, "openNetworks", [](const Napi::CallbackInfo& info) -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(open_networks()));
  });
  set_function(primitives, "takeTurns", take_turns);
}

}  // namespace diffbir
