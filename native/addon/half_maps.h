#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/device_memory.h"
#include "core/tensor.h"
#include "graph/ort.h"

namespace diffbir {

/// A feature map [B,C,H,W] as graphs of float16 take it from each other (graph::Builder::map_input()): NHWC, in halves.
class HalfMap {
 public:
  /// On the host where `device` is null.
  HalfMap(const Tensor& map, const std::shared_ptr<Device>& device);
  /// Looks at it.
  Ort::Value view() const;

 private:
  Shape shape_;
  std::vector<std::uint16_t> halves_;
  DeviceMemory on_device_;
};

/// Whether the value is one.
bool is_half_map(const Ort::Value& value);

/// As floats [B,C,H,W] on the host. `device`: where the value lies if it lies on a GPU.
Tensor from_half_map(const Ort::Value& value, const std::shared_ptr<Device>& device);

}  // namespace diffbir
