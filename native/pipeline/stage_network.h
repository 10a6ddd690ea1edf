#pragma once

#include <memory>
#include <set>
#include <string>

#include "core/cancellation.h"
#include "pipeline/model.h"
#include "runtime/network.h"

namespace diffbir {

/// When a network is opened.
enum class Opening {
  at_once,
  on_demand,  // it is only checked first: weights that do not fit are an error of loading either way
};

/// TensorRT's networks run on CUDA then.
void without_tensorrt(NetworkSpec& spec, runtime::Execution& execution);

/// One network of a model: open or not, and shared with all models of the process that want the same (open_network()).
class StageNetwork {
 public:
  /// Throws what build_network() throws, and Error(aborted).
  StageNetwork(NetworkSpec spec, const runtime::NetworkOptions& options, Opening opening);

  /// The network, opened unless it is open: valid until close(). Throws what open_network() throws.
  runtime::Network& open(CancellationToken& token);

  bool is_on_device() const noexcept { return options_.device != nullptr; }
  bool is_float16() const noexcept { return spec_.precision == graph::Precision::float16; }
  /// The same network in float32, to be opened.
  StageNetwork in_float32() const;

  /// Closes it: from the next open() on its graph has these marks as outputs too (build_graph()).
  void set_marks(std::set<std::string> marks);

  /// Closes it where the other kind of run needs another network, on a GPU: from the next open() on it is the one whose
  /// tiles run in lock-step, or the faster one for pictures whole. TensorRT's tiles run on CUDA.
  void set_tiled(bool tiled);

  /// It stays open where another model has it.
  void close() noexcept;

  /// runtime::Network::release_pages(), if it is open.
  void release_pages() const noexcept;

 private:
  NetworkSpec spec_;
  runtime::NetworkOptions options_;
  std::set<std::string> marks_;
  bool tiled_ = false;
  std::shared_ptr<runtime::Network> network_;
  /// What the next one takes its packed weights from.
  std::shared_ptr<runtime::Network> previous_;
};

}  // namespace diffbir
