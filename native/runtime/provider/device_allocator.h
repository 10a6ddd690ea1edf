#pragma once

#include <memory>

#include "core/device.h"
#include "graph/ort.h"

namespace diffbir::runtime {

/// The memory of a Device for ONNX Runtime. What the device throws is thrown through it, as ONNX Runtime's own
/// allocators do.
class DeviceAllocator : public OrtAllocator {
 public:
  DeviceAllocator(std::shared_ptr<Device> device, Ort::MemoryInfo info);

 private:
  std::shared_ptr<Device> device_;
  Ort::MemoryInfo info_;
};

/// Has sessions with "session.use_env_allocators" take the memory of this GPU from the device, as long as it is there;
/// tensors must be gone before it is. False, and they do not, where another Device of the same GPU does so already.
bool offer_memory(const std::shared_ptr<Device>& device, int gpu);

}  // namespace diffbir::runtime
