#pragma once

#include <cstddef>

#include "cuda/norm/bodies.h"

/// norm/bodies.h on the device, with T float (NCHW) or bodies::Half (NHWC). Everything is enqueued on `stream`, a
/// cudaStream_t of the current device, and returns at once; pointers are device memory, scratch of
/// group_norm_scratch() bytes and aligned to 256. Throws Error(runtime_failed) where a launch is refused.
namespace diffbir::cuda {

std::size_t group_norm_scratch(const bodies::FeatureMap& map);

/// So much scratch memory, in the order of the stream: kernels may still be queued when it goes.
class GroupNormMemory {
 public:
  /// Throws Error(out_of_memory).
  GroupNormMemory(const bodies::FeatureMap& map, void* stream);
  ~GroupNormMemory();
  GroupNormMemory(const GroupNormMemory&) = delete;
  GroupNormMemory& operator=(const GroupNormMemory&) = delete;
  void* get() const noexcept { return memory_; }

 private:
  void* memory_ = nullptr;
  void* stream_;
};

/// The moments [batch, groups] of a region, in the scratch memory. They repeat bit by bit.
template <typename T>
Moments* measure_groups(const T* x, const bodies::FeatureMap& map, const Region& region, void* scratch, void* stream);

template <typename T>
void normalize_groups(const T* x, const bodies::FeatureMap& map, const Moments* moments, const bodies::Norm& norm, T* y,
                      void* scratch, void* stream);

}  // namespace diffbir::cuda
