#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/device_memory.h"
#include "graph/builder.h"
#include "graph/ort.h"

namespace diffbir::runtime {

/// The weights of a session in one block of its device's memory. ONNX Runtime would ask for each by itself, and a GPU
/// gives what is not small in multiples of 2 MiB. Outlives the session.
class DeviceWeights {
 public:
  /// Uploads them; a session of `options` then computes with these. `where` is the device's memory for ONNX Runtime.
  DeviceWeights(std::span<const graph::Initializer> initializers, const std::shared_ptr<Device>& device,
                const Ort::MemoryInfo& where, Ort::SessionOptions& options);

 private:
  DeviceMemory memory_;
  std::vector<Ort::Value> values_;
};

}  // namespace diffbir::runtime
