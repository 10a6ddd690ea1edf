#pragma once

#include <cstddef>
#include <memory>

#include "core/device.h"

namespace diffbir {

/// Room for numbers on a device, which lives at least as long. Copies are deep.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  /// `device` is not null; the values are undefined.
  DeviceMemory(std::shared_ptr<Device> device, std::size_t count);
  DeviceMemory(const DeviceMemory& other);
  DeviceMemory(DeviceMemory&& other) noexcept;
  DeviceMemory& operator=(DeviceMemory other) noexcept;
  ~DeviceMemory();

  /// Null for a default-constructed one.
  const std::shared_ptr<Device>& device() const noexcept { return device_; }
  std::size_t size() const noexcept { return count_; }
  float* data() const noexcept { return data_; }

 private:
  std::shared_ptr<Device> device_;
  std::size_t count_ = 0;
  float* data_ = nullptr;
};

}  // namespace diffbir
