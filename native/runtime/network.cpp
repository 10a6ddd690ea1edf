#include "runtime/network.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <optional>

#include "core/error.h"
#include "core/guarded_device.h"
#include "runtime/attention/op.h"
#include "runtime/device_runs.h"
#include "runtime/environment.h"
#include "runtime/geglu_op.h"
#include "runtime/group_norm_gradient_op.h"
#include "runtime/group_norm_op.h"
#include "runtime/int8/conv_op.h"
#include "runtime/int8/linear_op.h"
#include "runtime/layer_norm_op.h"
#include "runtime/ort_error.h"
#include "runtime/provider/engines.h"
#include "runtime/provider/provider.h"
#include "runtime/rounded_op.h"
#include "runtime/session_memory.h"
#ifdef DIFFBIR_CUDA
#include "runtime/device_group_norm_op.h"
#include "runtime/fused_ops.h"
#endif

namespace diffbir::runtime {

struct Network::CustomOps {
  TileRegistry tiles;
  GroupNormOp group_norm{tiles};
  GroupNormGradientOp group_norm_gradient;
  Int8Table int8_weights;
  Int8LinearOp int8_linear{int8_weights};
  Int8ConvOp int8_conv{int8_weights};
  AttentionOp attention;
  LayerNormOp layer_norm;
  GegluOp geglu;
  RoundedOp rounded;
#ifdef DIFFBIR_CUDA
  DeviceGroupNormOp nchw_group_norm{tiles, MapLayout::nchw};
  DeviceGroupNormOp nhwc_group_norm{tiles, MapLayout::nhwc};
  FusedGroupNormOp fused_group_norm;
  FusedLayerNormOp fused_layer_norm;
  FusedGegluOp fused_geglu;
  FusedWindowAttentionOp fused_window_attention;
  FusedControlledConcatOp fused_controlled_concat;
#endif
  Ort::CustomOpDomain domain{"diffbir"};
  explicit CustomOps(Int8Table weights) : int8_weights(std::move(weights)) {
    domain.Add(&group_norm);
    domain.Add(&group_norm_gradient);
    domain.Add(&int8_linear);
    domain.Add(&int8_conv);
    domain.Add(&attention);
    domain.Add(&layer_norm);
    domain.Add(&geglu);
    domain.Add(&rounded);
#ifdef DIFFBIR_CUDA
    domain.Add(&nchw_group_norm);
    domain.Add(&nhwc_group_norm);
    domain.Add(&fused_group_norm);
    domain.Add(&fused_layer_norm);
    domain.Add(&fused_geglu);
    domain.Add(&fused_window_attention);
    domain.Add(&fused_controlled_concat);
#endif
  }
};

namespace {

/// A serialised onnx.ModelProto with nothing in it but IR version 10 and the opsets of graph::Builder. Sessions start
/// from it since ONNX Runtime registers custom operators when it loads bytes, and forgets them when it takes an
/// Ort::Model alone.
constexpr char empty_model[] =
    "\x08\x0A"  // ir_version: 10
    "\x3A\x09\x12\x07"
    "diffbir"                   // graph { name: "diffbir" }
    "\x42\x04\x0A\x00\x10\x15"  // opset_import { domain: "" version: 21 }
    "\x42\x11\x0A\x0D"
    "com.microsoft"
    "\x10\x01"
    "\x42\x0B\x0A\x07"
    "diffbir"
    "\x10\x01";

/// ONNX Runtime notes the domain of custom operators in a table of the process, and does not guard "is it there? add
/// it".
Ort::Session empty_session(const Ort::SessionOptions& options) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  return Ort::Session::CreateModelEditorSession(environment(), empty_model, sizeof(empty_model) - 1, options);
}

std::vector<const char*> c_strings(const std::vector<std::string>& names) {
  std::vector<const char*> pointers;
  for (const std::string& name : names) pointers.push_back(name.c_str());
  return pointers;
}

/// Operators of this package are the CPU's, but for the group normalisation of tiles and what is fused: a graph that
/// has another would leave the device and come back.
void require_device_nodes(const graph::Graph& graph) {
  for (const auto& [type, count] : graph.nodes) {
    if (!type.starts_with("diffbir.") || type.ends_with("GroupNorm") || type.starts_with("diffbir.Fused")) continue;
    throw Error(ErrorCode::internal, "Expected a graph without " + type + ", an operator of the CPU: build it with " +
                                         "graph::fusions_for() the provider that runs it");
  }
}

/// While a session is made it uploads weights on a stream of its own.
class SharedMemory {
 public:
  explicit SharedMemory(Device* device) : device_(device) {
    if (device_) device_->share_memory(true);
  }
  ~SharedMemory() {
    if (device_) device_->share_memory(false);
  }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

 private:
  Device* device_;
};

Ort::MemoryInfo cpu_memory() { return Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault); }

Ort::MemoryInfo memory_of(const Tensor& tensor) {
  const std::optional<int> gpu = tensor.device() ? tensor.device()->cuda_index() : std::nullopt;
  return gpu ? gpu_memory(*gpu) : cpu_memory();
}

}  // namespace

Ort::Value view(const Tensor& tensor) {
  return Ort::Value::CreateTensor<float>(memory_of(tensor), const_cast<float*>(tensor.data()), tensor.size(),
                                         tensor.shape().data(), tensor.shape().size());
}

Ort::Value view(std::span<const std::int32_t> ids, const Shape& shape) {
  return Ort::Value::CreateTensor<std::int32_t>(cpu_memory(), const_cast<std::int32_t*>(ids.data()), ids.size(),
                                                shape.data(), shape.size());
}

Ort::Value view(const std::int64_t& number) {
  constexpr std::int64_t one = 1;
  return Ort::Value::CreateTensor<std::int64_t>(cpu_memory(), const_cast<std::int64_t*>(&number), 1, &one, 1);
}

Tensor to_tensor(const Ort::Value& value, const std::shared_ptr<Device>& device) {
  Tensor tensor(value.GetTensorTypeAndShapeInfo().GetShape(), device);
  const float* data = value.GetTensorData<float>();
  if (!device) {
    std::copy_n(data, tensor.size(), tensor.data());
  } else if (is_on_gpu(value)) {
    device->copy(data, tensor.data(), tensor.size());
  } else {
    device->upload(data, tensor.data(), tensor.size());
  }
  return tensor;
}

Network::Network(graph::Graph graph, const NetworkOptions& options)
    : inputs_(std::move(graph.inputs)),
      outputs_(std::move(graph.outputs)),
      half_inputs_(std::move(graph.half_inputs)),
      weights_(std::move(graph.weights)),
      group_norms_(graph.group_norms),
      custom_ops_(std::make_unique<CustomOps>(std::move(graph.int8_weights))),
      input_pointers_(c_strings(inputs_)),
      output_pointers_(c_strings(outputs_)),
      has_assignment_(options.record_assignment),
      device_(options.device) {
  Ort::SessionOptions session_options;
  // On a GPU the processor computes sizes of tensors: threads that wait for work would only take cores from it.
  session_options.SetIntraOpNumThreads(options.execution.on_cpu() ? options.threads : 1);
  // The last level turns the weights of convolutions into blocks, and packing copies matrices into panels.
  const bool is_mapped = options.weights == Weights::mapped;
  session_options.SetGraphOptimizationLevel(!options.optimize_graph ? GraphOptimizationLevel::ORT_DISABLE_ALL
                                            : is_mapped             ? GraphOptimizationLevel::ORT_ENABLE_EXTENDED
                                                                    : GraphOptimizationLevel::ORT_ENABLE_ALL);
  if (is_mapped) session_options.AddConfigEntry("session.disable_prepacking", "1");
  const Execution& execution = options.execution;
  const SessionMemory memory = arrange_memory(options);
  shrunk_arenas_ = memory.shrunk_arenas;
  if (has_arena) {
    session_options.AddConfigEntry("session.use_env_allocators", execution.on_cpu() || memory.is_offered ? "1" : "0");
  } else {
    session_options.DisableCpuMemArena().DisableMemPattern();
  }
  session_options.Add(custom_ops_->domain);
  if (!execution.on_cpu()) {
    require_device_nodes(graph);
    if (!options.memory_pattern) session_options.DisableMemPattern();
    append_provider(session_options, execution,
                    {.stream = device_ ? device_->stream() : nullptr,
                     .float16 = options.float16,
                     .engines = execution.provider == graph::Provider::tensorrt ? engines_folder(weights_) : ""});
  }
  if (has_assignment_) session_options.AddConfigEntry("session.record_ep_graph_assignment_info", "1");
  // As a path, since ONNX Runtime wants wide characters on Windows.
  if (!options.profile.empty()) session_options.EnableProfiling(std::filesystem::path(options.profile).c_str());
  std::unique_lock<std::mutex> recording;
  if (device_) recording = std::unique_lock(device_->recording);
  const SharedMemory shared(memory.is_offered ? device_.get() : nullptr);
  std::optional<CancellationToken::Registration> registration;
  if (options.token) registration.emplace(*options.token, [&] { session_options.SetLoadCancellationFlag(true); });
  std::optional<DeviceWeights> device_weights;
  try {
    if (memory.has_device_weights) {
      device_weights.emplace(graph.initializers, device_, device_memory(execution), session_options, options.token);
    }
    const auto access = GuardedDevice::access_to(device_.get());
    auto session = std::make_unique<Ort::Session>(empty_session(session_options));
    session->FinalizeModelEditorSession(graph.model, session_options);
    pinned_ = pinned_memory(*session, execution);
    if (!execution.on_cpu() || options.device) {
      device_runs_ =
          std::make_unique<DeviceRuns>(*session, input_pointers_, output_pointers_, execution, options.device);
    }
    device_weights_ = std::move(device_weights);
    session_ = std::move(session);
  } catch (const Ort::Exception& error) {
    throw Error(code_of(error), "ONNX Runtime could not build the network of " + source() + ": " + error.what());
  }
  return_free_memory();
  release_pages();
}

void Network::release_pages() const noexcept {
  for (const auto& table : weights_) table->release_pages();
}

std::string Network::end_profiling() {
  Ort::AllocatorWithDefaultOptions allocator;
  return session_->EndProfilingAllocated(allocator).get();
}

Network::~Network() {
  if (!device_) return;  // or moved from
  const std::lock_guard recording(device_->recording);
  device_runs_.reset();
  session_.reset();
  device_weights_.reset();
  try {
    device_->synchronize();  // before pinned_ goes
  } catch (const Error&) {
    // Of the work before, whose own caller hears of it.
  }
}
Network::Network(Network&&) noexcept = default;

TileRegistry& Network::tiles() { return custom_ops_->tiles; }

std::mutex* Network::turn() noexcept { return device_runs_ ? &device_runs_->turn() : nullptr; }

std::string Network::source() const { return weights_.empty() ? "no checkpoint" : weights_.front()->file(); }

std::vector<Assignment> Network::assignment() const {
  if (!has_assignment_) throw Error(ErrorCode::internal, "Expected a network that records where its nodes run");
  std::vector<Assignment> assignments;
  for (const Ort::ConstEpAssignedSubgraph& subgraph : session_->GetEpGraphAssignmentInfo()) {
    const std::string provider = subgraph.GetEpName();
    auto found = std::ranges::find(assignments, provider, &Assignment::provider);
    if (found == assignments.end()) found = assignments.insert(found, {provider, 0});
    for (const Ort::ConstEpAssignedNode& node : subgraph.GetNodes()) {
      const std::string domain = node.GetDomain();
      ++found->nodes;
      ++found->operators[domain.empty() ? node.GetOperatorType() : domain + "." + node.GetOperatorType()];
    }
  }
  return assignments;
}

std::size_t Network::prepared_runs() const { return device_runs_ ? device_runs_->prepared() : 0; }

std::vector<Ort::Value> Network::run(std::span<const Ort::Value> inputs, CancellationToken& token, std::size_t kept) {
  token.check();
  for (const auto& table : weights_) table->require_whole();
  Ort::RunOptions run_options;
  run_options.SetRunLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);  // a cancelled run is no error worth printing
  if (!shrunk_arenas_.empty()) {
    run_options.AddConfigEntry("memory.enable_memory_arena_shrinkage", shrunk_arenas_.c_str());
  }
  const CancellationToken::Registration registration(token, [&] { run_options.SetTerminate(); });
  try {
    if (device_runs_) return device_runs_->run(inputs, kept, run_options, token);
    return session_->Run(run_options, input_pointers_.data(), inputs.data(), inputs.size(), output_pointers_.data(),
                         output_pointers_.size());
  } catch (const Ort::Exception& error) {
    token.check();
    throw Error(code_of(error), "ONNX Runtime failed in the network of " + source() + ": " + error.what());
  }
}

Tensor Network::run_to_tensor(std::span<const Ort::Value> inputs, CancellationToken& token) {
  return to_tensor(run(inputs, token, device_ ? all : 0).back(), device_);
}

}  // namespace diffbir::runtime
