#pragma once

#include <cstddef>

#include "graph/ort.h"

namespace diffbir::runtime {

/// Uninitialised memory for one run of a custom operator, from ONNX Runtime's arena: fresh pages of the system for each
/// run would cost more than some operators do.
template <typename T>
class Scratch {
 public:
  Scratch(const Ort::KernelContext& context, std::size_t count)
      : allocator_(context.GetAllocator(*Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault))),
        data_(static_cast<T*>(allocator_.Alloc(count * sizeof(T)))) {}
  ~Scratch() { allocator_.Free(data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  T* data() { return data_; }
  T& operator[](std::size_t index) { return data_[index]; }

 private:
  Ort::Allocator allocator_;
  T* data_;
};

}  // namespace diffbir::runtime
