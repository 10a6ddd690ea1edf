#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/cancellation.h"
#include "core/device.h"
#include "core/tensor.h"
#include "graph/builder.h"
#include "runtime/device_weights.h"
#include "runtime/provider/execution.h"
#include "runtime/tile_statistics.h"

namespace diffbir::runtime {

class DeviceRuns;

/// An ONNX Runtime value that looks at the tensor's memory, the host's or a device's; the tensor must outlive it.
Ort::Value view(const Tensor& tensor);
Ort::Value view(std::span<const std::int32_t> ids, const Shape& shape);

/// A one-element int64 tensor.
Ort::Value view(const std::int64_t& number);

/// Copies a float32 result out of ONNX Runtime's memory to that of a device, or of the host where it is null. What lies
/// on a GPU needs the device that it lies on.
Tensor to_tensor(const Ort::Value& value, const std::shared_ptr<Device>& device = nullptr);

/// What a network computes with.
enum class Weights {
  /// Copies in the layouts that are fastest for ONNX Runtime's kernels, made when the network is built.
  packed,
  /// The checkpoint's own bytes, where they lie in the mapped file (float32; other types are converted once). Nothing
  /// is copied, a network is built at once, and the system can drop the pages and read them again.
  mapped,
};

struct NetworkOptions {
  int threads = 1;
  Weights weights = Weights::packed;
  /// Whether ONNX Runtime may change the graph: fold constants, fuse operators and, with packed weights, take blocked
  /// layouts.
  bool optimize_graph = true;
  /// Cancels the building of the network; may be null.
  CancellationToken* token = nullptr;
  /// What the name of the file begins with into which ONNX Runtime writes the time of every operator; empty: nothing is
  /// recorded. For benches.
  std::string profile = {};
  Execution execution = {};
  /// Of the execution: its stream is the session's, and what is recorded of a run is fed through it. Null: the session
  /// has a stream of its own, and no CUDA graphs. Not null on the CPU: for tests of what stands between a session and a
  /// device.
  std::shared_ptr<Device> device = {};
  /// Whether the network is one of float16, or a part of it (ProviderSettings::float16): the graph says so where it
  /// wants it, but TensorRT does not keep to types.
  bool float16 = false;
  /// Whether the next run comes soon: what the device's arena has grown to is then kept for it.
  bool runs_often = false;
  /// Whether a run on a GPU takes its memory at once, by what was taken for an earlier one of the same sizes: less to
  /// do for the host, and more memory.
  bool memory_pattern = true;
  /// Whether assignment() can tell where nodes run.
  bool record_assignment = false;
};

/// How many nodes of a network an execution provider runs.
struct Assignment {
  std::string provider;  // by ONNX Runtime's name, for instance CUDAExecutionProvider
  std::int64_t nodes;
  std::map<std::string, std::int64_t> operators = {};  // how many of each type, for instance com.microsoft.GroupNorm
};

/// A network ready to run: a session over a graph, and the mapped checkpoints that the graph points into.
class Network {
 public:
  Network(graph::Graph graph, const NetworkOptions& options);
  ~Network();
  Network(Network&&) noexcept;

  const std::vector<std::string>& input_names() const noexcept { return inputs_; }
  const std::vector<std::string>& output_names() const noexcept { return outputs_; }
  /// graph::Graph::half_inputs.
  const std::set<std::string>& half_inputs() const noexcept { return half_inputs_; }

  /// Gives the pages of its checkpoints back to the system: of a network that is not run again soon. A run elsewhere
  /// that computes with them reads them again.
  void release_pages() const noexcept;

  std::int64_t group_norms() const noexcept { return group_norms_; }

  /// Ends the recording that NetworkOptions::profile began. Returns the name of its file (chrome's trace event format).
  std::string end_profiling();

  /// The tiles that run through this network in lock-step; networks without group normalisation look at none.
  TileRegistry& tiles();

  /// What runs on a device hold while they compute (TileRun::turn); null on the CPU, where several may.
  std::mutex* turn() noexcept;

  /// Which provider runs how many nodes, in ONNX Runtime's order of preference; those that it makes itself to copy
  /// between providers are in no list of its. Throws Error(internal) unless NetworkOptions::record_assignment.
  std::vector<Assignment> assignment() const;

  /// Sets of input sizes whose runs are recorded as CUDA graphs.
  std::size_t prepared_runs() const;

  /// Inputs and outputs in the order of the graph's ports. Runs may overlap in time, on several threads. Stops inside
  /// the running operator when the token is cancelled and then throws Error(aborted); throws Error(invalid_checkpoint)
  /// when a checkpoint has become shorter in the meantime, and Error with the code of code_of() on anything ONNX
  /// Runtime reports.
  ///
  /// Inputs may lie in host memory or on the network's device. The first `kept` outputs stay on the device, for
  /// networks that run there too; the others are in host memory, where to_tensor() can read them.
  std::vector<Ort::Value> run(std::span<const Ort::Value> inputs, CancellationToken& token, std::size_t kept = 0);
  static constexpr std::size_t all = static_cast<std::size_t>(-1);

  /// The last output of a run, on the network's device where it has one. All outputs stay there.
  Tensor run_to_tensor(std::span<const Ort::Value> inputs, CancellationToken& token);

  /// NetworkOptions::device.
  const std::shared_ptr<Device>& device() const noexcept { return device_; }

 private:
  struct CustomOps;
  std::string source() const;

  std::vector<std::string> inputs_;
  std::vector<std::string> outputs_;
  std::set<std::string> half_inputs_;
  std::vector<std::shared_ptr<const WeightTable>> weights_;
  std::int64_t group_norms_;
  std::unique_ptr<CustomOps> custom_ops_;
  std::vector<const char*> input_pointers_;
  std::vector<const char*> output_pointers_;
  std::string shrunk_arenas_;  // after each run, as ONNX Runtime names them
  bool has_assignment_;
  std::shared_ptr<Device> device_;  // the session works on its stream
  Ort::Allocator pinned_{nullptr};
  std::optional<DeviceWeights> device_weights_;
  std::unique_ptr<Ort::Session> session_;
  std::unique_ptr<DeviceRuns> device_runs_;  // null on the CPU
};

}  // namespace diffbir::runtime
