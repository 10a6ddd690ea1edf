#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/cancellation.h"
#include "core/device.h"
#include "core/tensor.h"
#include "graph/ort.h"
#include "runtime/provider/execution.h"
#include "runtime/run_thread.h"

namespace diffbir::runtime {

/// The runs of one session on a device: inputs are brought there, outputs stay there or come to host memory. One at a
/// time, since they have one stream, and a session's runs share handles of cuDNN and cuBLAS.
///
/// With CUDA graphs the first run with a set of input sizes is an ordinary one, and others too where they are large.
/// From the second on inputs and outputs lie where they lay before, so that what was recorded can be played again; the
/// caller's are copied to and from there.
class DeviceRuns {
 public:
  /// `names` of inputs and outputs must outlive it, as must the session.
  DeviceRuns(Ort::Session& session, std::span<const char* const> inputs, std::span<const char* const> outputs,
             const Execution& execution, std::shared_ptr<Device> device);

  /// Waits: what ONNX Runtime frees behind a run it frees on the stream, and the session must be there until then.
  ~DeviceRuns();
  DeviceRuns(const DeviceRuns&) = delete;
  DeviceRuns& operator=(const DeviceRuns&) = delete;

  /// The first `kept` outputs stay on the device. The outputs are the caller's, whatever runs come after. Throws
  /// Error(aborted) when the token was cancelled while it waited for its turn, and Ort::Exception.
  std::vector<Ort::Value> run(std::span<const Ort::Value> inputs, std::size_t kept, Ort::RunOptions& options,
                              CancellationToken& token);

  /// Held by run(). An operator that waits for another run lets go of it until then.
  std::mutex& turn() noexcept { return mutex_; }

  /// Sets of input sizes whose runs are recorded.
  std::size_t prepared() const;

 private:
  using Sizes = std::vector<Shape>;
  struct Prepared {
    Ort::IoBinding binding{nullptr};
    std::vector<Ort::Value> inputs;
    std::vector<Ort::Value> outputs;
    std::string graph;  // its name for the provider
    bool is_recorded = false;
  };

  std::vector<Ort::Value> run_plainly(std::span<const Ort::Value> inputs, std::size_t kept,
                                      const Ort::RunOptions& options);
  std::vector<Ort::Value> run_prepared(Prepared& prepared, std::span<const Ort::Value> inputs, std::size_t kept,
                                       Ort::RunOptions& options);
  Prepared prepare(std::span<const Ort::Value> inputs, std::span<const Ort::Value> outputs);
  void run_session(const Ort::RunOptions& options, const Ort::IoBinding& binding);
  Ort::Value room_for(const Ort::Value& value);
  std::vector<Ort::Value> handed_out(std::span<const Ort::Value> outputs, std::size_t kept);
  Ort::Value brought_home(const Ort::Value& value);

  Ort::Session& session_;
  std::span<const char* const> input_names_;
  std::span<const char* const> output_names_;
  bool has_graphs_;
  std::size_t most_input_bytes_;  // 0: as many as there are
  std::shared_ptr<Device> device_;
  Ort::MemoryInfo memory_;
  Ort::Allocator allocator_;
  /// Of what is handed out: the session's own would give memory that recorded kernels write to.
  std::shared_ptr<OrtAllocator> handed_out_allocator_;
  mutable std::mutex mutex_;
  int graphs_ = 0;  // that were ever recorded or tried to be
  std::map<Sizes, Prepared> prepared_;
  std::optional<RunThread> thread_;  // with CUDA graphs
};

}  // namespace diffbir::runtime
