#pragma once

#include <cstddef>
#include <string>

#include "graph/build_options.h"

namespace diffbir::runtime {

/// Where a session runs.
struct Execution {
  graph::Provider provider = graph::Provider::cpu;
  int device = 0;              // as CUDA counts them; 0 for the CPU
  std::string libraries = {};  // folder of the provider's libraries; none for the CPU
  std::string cache = {};      // folder for the engines that TensorRT builds
  /// Bytes that a session may take of the device's memory beside DeviceWeights; 0: no limit.
  std::size_t memory_limit = 0;
  /// Whether the CUDA provider records the kernels of a run as a CUDA graph, one for each set of input sizes, and plays
  /// it from then on. Every operator must run on the device.
  bool cuda_graphs = false;

  /// For tests, on the CPU: what lies between the networks is in guarded memory (core/guarded_device.h), and
  /// memory_limit is of the inputs of one run.
  bool guarded = false;

  bool on_cpu() const noexcept { return provider == graph::Provider::cpu; }
  bool operator==(const Execution&) const = default;
};

}  // namespace diffbir::runtime
