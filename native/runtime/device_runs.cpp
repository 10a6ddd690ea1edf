#include "runtime/device_runs.h"

#include <optional>
#include <utility>

#include "core/device_memory.h"
#include "core/error.h"
#include "core/guarded_device.h"
#include "runtime/provider/device_allocator.h"
#include "runtime/provider/provider.h"

namespace diffbir::runtime {

namespace {

/// Each keeps its inputs, its outputs and what is between them on the device until the session ends.
constexpr std::size_t most_prepared = 8;
/// Bytes of inputs and outputs. A run with more of them computes for so long that its kernels are queued meanwhile.
constexpr std::size_t most_prepared_bytes = std::size_t{64} << 20;

/// Of the provider: which recorded graph a run plays.
constexpr const char* graph_option = "gpu_graph_id";
constexpr const char* no_graph = "-1";
/// Of ONNX Runtime: a run does not wait for its device at the end.
constexpr const char* no_wait_option = "disable_synchronize_execution_providers";

std::vector<Shape> sizes_of(std::span<const Ort::Value> values) {
  std::vector<Shape> sizes;
  for (const Ort::Value& value : values) sizes.push_back(value.GetTensorTypeAndShapeInfo().GetShape());
  return sizes;
}

// A Device counts in floats, of which every type of our graphs' ports has a whole number.
std::size_t floats_of(const Ort::Value& value) { return value.GetTensorSizeInBytes() / sizeof(float); }

std::size_t bytes_of(std::span<const Ort::Value> values) {
  std::size_t bytes = 0;
  for (const Ort::Value& value : values) bytes += value.GetTensorSizeInBytes();
  return bytes;
}

const float* from(const Ort::Value& value) { return static_cast<const float*>(value.GetTensorRawData()); }
float* into(Ort::Value& value) { return static_cast<float*>(value.GetTensorMutableRawData()); }

/// Tickets of tiles, which operators read on the host.
bool is_of_host(const Ort::Value& value) {
  return value.GetTensorTypeAndShapeInfo().GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
}

/// A tensor like `value` over memory of somebody else's.
Ort::Value same_at(const Ort::Value& value, const Ort::MemoryInfo& where, float* memory) {
  const auto info = value.GetTensorTypeAndShapeInfo();
  const Shape shape = info.GetShape();
  return Ort::Value::CreateTensor(where, memory, value.GetTensorSizeInBytes(), shape.data(), shape.size(),
                                  info.GetElementType());
}

Ort::Value tensor_like(const Ort::Value& value, OrtAllocator* allocator) {
  const auto info = value.GetTensorTypeAndShapeInfo();
  const Shape shape = info.GetShape();
  return Ort::Value::CreateTensor(allocator, shape.data(), shape.size(), info.GetElementType());
}

}  // namespace

DeviceRuns::DeviceRuns(Ort::Session& session, std::span<const char* const> inputs, std::span<const char* const> outputs,
                       const Execution& execution, std::shared_ptr<Device> device)
    : session_(session),
      input_names_(inputs),
      output_names_(outputs),
      has_graphs_(execution.cuda_graphs && device != nullptr),
      most_input_bytes_(execution.guarded ? execution.memory_limit : 0),
      device_(std::move(device)),
      memory_(device_memory(execution)),
      allocator_(session, memory_) {
  if (!has_graphs_) return;
  handed_out_allocator_ = std::make_shared<DeviceAllocator>(device_, device_memory(execution));
  thread_.emplace();
}

DeviceRuns::~DeviceRuns() {
  try {
    if (device_) device_->synchronize();
  } catch (const Error&) {
    // Of the work before, whose own caller hears of it.
  }
}

std::size_t DeviceRuns::prepared() const {
  const std::lock_guard lock(mutex_);
  return prepared_.size();
}

std::vector<Ort::Value> DeviceRuns::run(std::span<const Ort::Value> inputs, std::size_t kept, Ort::RunOptions& options,
                                        CancellationToken& token) {
  if (inputs.size() != input_names_.size()) {
    throw Error(ErrorCode::internal, "Expected " + std::to_string(input_names_.size()) + " inputs but received " +
                                         std::to_string(inputs.size()));
  }
  if (most_input_bytes_ > 0 && bytes_of(inputs) > most_input_bytes_) {
    throw Error(ErrorCode::out_of_memory, "The guarded device has no memory for a run with so large inputs");
  }
  const std::lock_guard lock(mutex_);
  token.check();
  const auto access = GuardedDevice::access_to(device_.get());
  // What comes home has been waited for; what stays is used on the same stream.
  if (device_ && kept >= output_names_.size()) options.AddConfigEntry(no_wait_option, "1");
  if (!has_graphs_) return run_plainly(inputs, kept, options);
  Sizes sizes = sizes_of(inputs);
  if (const auto found = prepared_.find(sizes); found != prepared_.end()) {
    std::unique_lock recording(device_->recording, std::defer_lock);
    if (!found->second.is_recorded) recording.lock();
    try {
      return run_prepared(found->second, inputs, kept, options);
    } catch (...) {
      thread_->run([&] { device_->abandon_recording(); });
      if (!found->second.is_recorded) prepared_.erase(found);  // half of it may have been
      throw;
    }
  }
  options.AddConfigEntry(graph_option, no_graph);
  const std::vector<Ort::Value> outputs = run_plainly(inputs, output_names_.size(), options);
  const bool fits = bytes_of(inputs) + bytes_of(outputs) <= most_prepared_bytes;
  if (fits && prepared_.size() < most_prepared) prepared_.emplace(std::move(sizes), prepare(inputs, outputs));
  return handed_out(outputs, kept);
}

std::vector<Ort::Value> DeviceRuns::run_plainly(std::span<const Ort::Value> inputs, std::size_t kept,
                                                const Ort::RunOptions& options) {
  const Ort::MemoryInfo host = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
  Ort::IoBinding binding(session_);
  std::vector<DeviceMemory> uploaded;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!device_ || !device_->cuda_index() || is_on_gpu(inputs[i]) || is_of_host(inputs[i])) {
      binding.BindInput(input_names_[i], inputs[i]);
      continue;
    }
    // ONNX Runtime would upload on another stream, into memory that an earlier run may still compute in.
    const DeviceMemory& memory = uploaded.emplace_back(device_, floats_of(inputs[i]));
    device_->upload(from(inputs[i]), memory.data(), memory.size());
    binding.BindInput(input_names_[i], same_at(inputs[i], memory_, memory.data()));
  }
  for (std::size_t i = 0; i < output_names_.size(); ++i) {
    binding.BindOutput(output_names_[i], i < kept ? memory_ : host);
  }
  run_session(options, binding);
  return binding.GetOutputValues();
}

void DeviceRuns::run_session(const Ort::RunOptions& options, const Ort::IoBinding& binding) {
  if (!thread_) return session_.Run(options, binding);
  thread_->run([&] {
    device_->stream();  // makes the thread one that ignores what other devices record
    session_.Run(options, binding);
  });
}

DeviceRuns::Prepared DeviceRuns::prepare(std::span<const Ort::Value> inputs, std::span<const Ort::Value> outputs) {
  Prepared prepared;
  prepared.binding = Ort::IoBinding(session_);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    prepared.inputs.push_back(room_for(inputs[i]));
    prepared.binding.BindInput(input_names_[i], prepared.inputs.back());
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    prepared.outputs.push_back(room_for(outputs[i]));
    prepared.binding.BindOutput(output_names_[i], prepared.outputs.back());
  }
  prepared.graph = std::to_string(++graphs_);  // the provider has 0 for itself
  return prepared;
}

std::vector<Ort::Value> DeviceRuns::run_prepared(Prepared& prepared, std::span<const Ort::Value> inputs,
                                                 std::size_t kept, Ort::RunOptions& options) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Ort::Value& own = prepared.inputs[i];
    if (is_on_gpu(inputs[i])) {
      device_->copy(from(inputs[i]), into(own), floats_of(own));
    } else {
      device_->upload(from(inputs[i]), into(own), floats_of(own));
    }
  }
  options.AddConfigEntry(graph_option, prepared.graph.c_str());
  run_session(options, prepared.binding);
  prepared.is_recorded = true;
  return handed_out(prepared.outputs, kept);
}

std::vector<Ort::Value> DeviceRuns::handed_out(std::span<const Ort::Value> outputs, std::size_t kept) {
  std::vector<Ort::Value> values;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (i >= kept) {
      values.push_back(brought_home(outputs[i]));
      continue;
    }
    Ort::Value& copy = values.emplace_back(tensor_like(outputs[i], handed_out_allocator_.get()));
    device_->copy(from(outputs[i]), into(copy), floats_of(copy));
  }
  return values;
}

Ort::Value DeviceRuns::room_for(const Ort::Value& value) { return tensor_like(value, allocator_); }

Ort::Value DeviceRuns::brought_home(const Ort::Value& value) {
  Ort::Value home = tensor_like(value, Ort::AllocatorWithDefaultOptions());
  device_->download(from(value), into(home), floats_of(home));
  return home;
}

}  // namespace diffbir::runtime
