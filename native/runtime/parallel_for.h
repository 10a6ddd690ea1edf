#pragma once

#include <algorithm>
#include <cstddef>

#include "graph/ort.h"

namespace diffbir::runtime {

/// Calls work(index) for 0 <= index < count on the session's threads.
template <typename Work>
void parallel_for(const Ort::KernelContext& context, std::size_t count, Work work) {
  context.ParallelFor([](void* data, std::size_t index) { (*static_cast<Work*>(data))(index); }, count, 0, &work);
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
