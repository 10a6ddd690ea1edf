#include "addon/half_maps.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/half.h"
#include "runtime/provider/provider.h"

namespace diffbir {

namespace {

constexpr std::size_t halves_per_float = 2;

/// Calls f(place in NCHW, place in NHWC) for every value of a map [B,C,H,W].
template <typename F>
void for_places(const Shape& nchw, F f) {
  const auto batch = static_cast<std::size_t>(nchw[0]);
  const auto channels = static_cast<std::size_t>(nchw[1]);
  const auto area = static_cast<std::size_t>(nchw[2] * nchw[3]);
  for (std::size_t b = 0; b < batch; ++b) {
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t i = 0; i < area; ++i) f((b * channels + c) * area + i, (b * area + i) * channels + c);
    }
  }
}

}  // namespace

HalfMap::HalfMap(const Tensor& map, const std::shared_ptr<Device>& device)
    : shape_{map.dim(0), map.dim(2), map.dim(3), map.dim(1)}, halves_(map.size() + map.size() % halves_per_float) {
  for_places(map.shape(), [&](std::size_t from, std::size_t to) { halves_[to] = float_to_half(map.data()[from]); });
  if (!device) return;
  on_device_ = DeviceMemory(device, halves_.size() / halves_per_float);
  std::vector<float> pairs(on_device_.size());
  std::memcpy(pairs.data(), halves_.data(), halves_.size() * sizeof(std::uint16_t));
  device->upload(pairs.data(), on_device_.data(), pairs.size());
}

Ort::Value HalfMap::view() const {
  const std::size_t bytes = element_count(shape_) * sizeof(std::uint16_t);
  const std::shared_ptr<Device>& device = on_device_.device();
  const auto gpu = device ? device->cuda_index() : std::nullopt;
  const Ort::MemoryInfo where =
      gpu ? runtime::gpu_memory(*gpu) : Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
  void* const data = device ? static_cast<void*>(on_device_.data()) : const_cast<std::uint16_t*>(halves_.data());
  return Ort::Value::CreateTensor(where, data, bytes, shape_.data(), shape_.size(),
                                  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16);
}

bool is_half_map(const Ort::Value& value) {
  return value.GetTensorTypeAndShapeInfo().GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16;
}

Tensor from_half_map(const Ort::Value& value, const std::shared_ptr<Device>& device) {
  const Shape nhwc = value.GetTensorTypeAndShapeInfo().GetShape();
  const std::size_t count = element_count(nhwc);
  std::vector<float> pairs((count + 1) / halves_per_float);
  if (runtime::is_on_gpu(value)) {
    device->download(static_cast<const float*>(value.GetTensorRawData()), pairs.data(), pairs.size());
  } else {
    std::memcpy(pairs.data(), value.GetTensorRawData(), count * sizeof(std::uint16_t));
  }
  std::vector<std::uint16_t> halves(pairs.size() * halves_per_float);
  std::memcpy(halves.data(), pairs.data(), pairs.size() * sizeof(float));
  Tensor map({nhwc[0], nhwc[3], nhwc[1], nhwc[2]});
  for_places(map.shape(), [&](std::size_t to, std::size_t from) { map.data()[to] = half_to_float(halves[from]); });
  return map;
}

}  // namespace diffbir
