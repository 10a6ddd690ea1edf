#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "graph/ort.h"

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace diffbir::runtime {

// ONNX Runtime hands work to its threads, and takes it back, by atomics that the thread sanitizer does not see.
#ifdef __SANITIZE_THREAD__
inline void hand_over(void* what) { __tsan_release(what); }
inline void take_over(void* what) { __tsan_acquire(what); }
#else
inline void hand_over(void*) {}
inline void take_over(void*) {}
#endif

/// Calls work(index) for 0 <= index < count on the session's threads.
template <typename Work>
void parallel_for(const Ort::KernelContext& context, std::size_t count, Work work) {
  struct Shared {
    Work work;
    char done = 0;  // apart from the start, so that no index seems to come behind another
  } shared{std::move(work)};
  hand_over(&shared.work);
  const auto call = [](void* data, std::size_t index) {
    auto& [work, done] = *static_cast<Shared*>(data);
    take_over(&work);
    work(index);
    hand_over(&done);
  };
  context.ParallelFor(call, count, 0, &shared);
  take_over(&shared.done);
}

/// Calls work(first, count) for parts of `rows` rows of `width` values. Parts are small enough to stay in a core's
/// cache, and large enough to be worth a thread's attention.
template <typename Work>
void parallel_rows(const Ort::KernelContext& context, std::size_t rows, std::size_t width, const Work& work) {
  constexpr std::size_t values_per_part = 1 << 15;
  const std::size_t part = std::max<std::size_t>(1, values_per_part / std::max<std::size_t>(1, width));
  parallel_for(context, (rows + part - 1) / part, [&](std::size_t index) {
    const std::size_t first = index * part;
    work(first, std::min(part, rows - first));
  });
}

}  // namespace diffbir::runtime
