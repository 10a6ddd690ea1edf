#include "runtime/device_weights.h"

#include <cstddef>

namespace diffbir::runtime {

namespace {

/// As CUDA aligns what it gives, in floats, in which a Device counts.
constexpr std::size_t alignment = 256 / sizeof(float);

std::size_t room_for(std::size_t count) { return (count + alignment - 1) / alignment * alignment; }

/// The others are ONNX Runtime's: sizes, which the processor computes with, and what a Device cannot count.
bool is_taken(const graph::Initializer& initializer) {
  return initializer.type != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 && initializer.bytes % sizeof(float) == 0;
}

}  // namespace

DeviceWeights::DeviceWeights(std::span<const graph::Initializer> initializers, const std::shared_ptr<Device>& device,
                             const Ort::MemoryInfo& where, Ort::SessionOptions& options,
                             const CancellationToken* token) {
  // It turns weights around and leaves them their names.
  options.AddConfigEntry("optimization.disable_specified_optimizers", "TransposeOptimizer");
  std::size_t count = 0;
  for (const graph::Initializer& initializer : initializers) {
    if (is_taken(initializer)) count += room_for(initializer.bytes / sizeof(float));
  }
  memory_ = DeviceMemory(device, count);
  float* place = memory_.data();
  for (const graph::Initializer& initializer : initializers) {
    if (!is_taken(initializer)) continue;
    if (token) token->check();
    const std::size_t size = initializer.bytes / sizeof(float);
    device->upload(static_cast<const float*>(initializer.data), place, size);
    options.AddInitializer(initializer.name.c_str(), values_.emplace_back(Ort::Value::CreateTensor(
                                                         where, place, initializer.bytes, initializer.shape.data(),
                                                         initializer.shape.size(), initializer.type)));
    place += room_for(size);
  }
  device->synchronize();  // a session that is made has a stream of its own
}

}  // namespace diffbir::runtime
