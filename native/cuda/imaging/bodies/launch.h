#pragma once

#include <cstddef>
#include <cstdint>

#include "core/host_device.h"

/// What the kernels of imaging/ are made of. A body does the work of one index; a launch, `launch(count, body)`, runs
/// it for 0 <= index < count in any order: OnDevice (on_device.h) as a kernel, OnHost in a loop. The functions of this
/// folder are templates over the launch, so that what the host's tests run is what the device runs, indices included.
namespace diffbir::bodies {

/// Half of the indices upwards and half downwards: a body that reads what another one writes goes wrong here, too.
struct OnHost {
  template <typename Body>
  void operator()(std::int64_t count, const Body& body) const {
    for (std::int64_t index = 0; index < count; index += 2) body(index);
    for (std::int64_t index = count - 1 - count % 2; index > 0; index -= 2) body(index);
  }
};

/// Hands out pieces of memory that the caller has; of nullptr it only counts them.
class Scratch {
 public:
  explicit Scratch(void* memory) : memory_(static_cast<unsigned char*>(memory)) {}

  template <typename T>
  T* take(std::int64_t count) {
    constexpr std::size_t alignment = 256;
    const std::size_t begin = used_;
    used_ += (static_cast<std::size_t>(count) * sizeof(T) + alignment - 1) / alignment * alignment;
    return memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + begin);
  }

  std::size_t used() const { return used_; }

 private:
  unsigned char* memory_;
  std::size_t used_ = 0;
};

/// out = function(in), element by element; in place where both are the same.
template <typename Function>
struct Map {
  const float* in;
  float* out;
  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const { out[i] = Function()(in[i]); }
};

template <typename Value>
struct Copy {
  const Value* in;
  Value* out;
  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const { out[i] = in[i]; }
};

}  // namespace diffbir::bodies
