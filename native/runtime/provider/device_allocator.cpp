#include "runtime/provider/device_allocator.h"

#include <cstddef>
#include <map>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "runtime/environment.h"
#include "runtime/provider/provider.h"

namespace diffbir::runtime {

namespace {

/// Devices count in floats.
void* allocate(Device& device, std::size_t bytes) {
  return device.allocate((bytes + sizeof(float) - 1) / sizeof(float));
}

/// What ONNX Runtime is told of one GPU, once: it keeps the pointer. Which Device stands behind it may change.
class OfferedMemory final : public OrtAllocator {
 public:
  explicit OfferedMemory(int gpu) : OrtAllocator{}, info_(gpu_memory(gpu)) {
    version = ORT_API_VERSION;
    Alloc = [](OrtAllocator* self, std::size_t bytes) -> void* {
      const auto device = static_cast<OfferedMemory*>(self)->device();
      if (!device) throw Error(ErrorCode::internal, "Expected a device whose memory a session was offered");
      return allocate(*device, bytes);
    };
    Free = [](OrtAllocator* self, void* memory) {
      const auto device = static_cast<OfferedMemory*>(self)->device();
      if (device && memory) device->release(static_cast<float*>(memory));
    };
    Info = [](const OrtAllocator* self) -> const OrtMemoryInfo* {
      return static_cast<const OfferedMemory*>(self)->info_;
    };
    environment().RegisterAllocator(this);
  }

  bool offer(const std::shared_ptr<Device>& device) {
    const std::lock_guard lock(mutex_);
    const auto known = device_.lock();
    if (!known) device_ = device;
    return !known || known == device;
  }

 private:
  std::shared_ptr<Device> device() {
    const std::lock_guard lock(mutex_);
    return device_.lock();
  }

  Ort::MemoryInfo info_;
  std::mutex mutex_;
  std::weak_ptr<Device> device_;
};

}  // namespace

DeviceAllocator::DeviceAllocator(std::shared_ptr<Device> device, Ort::MemoryInfo info)
    : OrtAllocator{}, device_(std::move(device)), info_(std::move(info)) {
  version = ORT_API_VERSION;
  Alloc = [](OrtAllocator* self, std::size_t bytes) -> void* {
    return allocate(*static_cast<DeviceAllocator*>(self)->device_, bytes);
  };
  Free = [](OrtAllocator* self, void* memory) {
    if (memory) static_cast<DeviceAllocator*>(self)->device_->release(static_cast<float*>(memory));
  };
  Info = [](const OrtAllocator* self) -> const OrtMemoryInfo* {
    return static_cast<const DeviceAllocator*>(self)->info_;
  };
}

bool offer_memory(const std::shared_ptr<Device>& device, int gpu) {
  static auto& mutex = *new std::mutex;
  static auto& offered = *new std::map<int, OfferedMemory>;
  const std::lock_guard lock(mutex);
  return offered.try_emplace(gpu, gpu).first->second.offer(device);
}

}  // namespace diffbir::runtime
