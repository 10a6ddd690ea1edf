#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/cancellation.h"
#include "core/device_memory.h"
#include "graph/builder.h"
#include "graph/ort.h"

namespace diffbir::runtime {

/// The weights of a session in one block of its device's memory. ONNX Runtime would ask for each by itself, and a GPU
/// gives what is not small in multiples of 2 MiB. Outlives the session. ONNX Runtime takes them by name alone: what
/// changes an initialiser in its place is turned off.
class DeviceWeights {
 public:
  /// Uploads them, and waits for that; a session of `options` then computes with these. `where` is the device's memory
  /// for ONNX Runtime, `token` may be null. Throws Error(aborted).
  DeviceWeights(std::span<const graph::Initializer> initializers, const std::shared_ptr<Device>& device,
                const Ort::MemoryInfo& where, Ort::SessionOptions& options, const CancellationToken* token);

 private:
  DeviceMemory memory_;
  std::vector<Ort::Value> values_;
};

}  // namespace diffbir::runtime
