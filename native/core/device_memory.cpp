#include "core/device_memory.h"

#include <utility>

namespace diffbir {

DeviceMemory::DeviceMemory(std::shared_ptr<Device> device, std::size_t count)
    : device_(std::move(device)), count_(count), data_(count == 0 ? nullptr : device_->allocate(count)) {}

DeviceMemory::DeviceMemory(const DeviceMemory& other) {
  if (!other.device_) return;
  DeviceMemory copy(other.device_, other.count_);
  if (copy.data_) copy.device_->copy(other.data_, copy.data_, copy.count_);
  *this = std::move(copy);
}

DeviceMemory::DeviceMemory(DeviceMemory&& other) noexcept
    : device_(std::move(other.device_)),
      count_(std::exchange(other.count_, 0)),
      data_(std::exchange(other.data_, nullptr)) {}

DeviceMemory& DeviceMemory::operator=(DeviceMemory other) noexcept {
  std::swap(device_, other.device_);
  std::swap(count_, other.count_);
  std::swap(data_, other.data_);
  return *this;
}

DeviceMemory::~DeviceMemory() {
  if (data_) device_->release(data_);
}

}  // namespace diffbir
