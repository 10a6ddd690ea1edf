#pragma once

#include <cstddef>

#include "graph/ort.h"

namespace diffbir::runtime {

/// Calls work(index) for 0 <= index < count on the session's threads.
template <typename Work>
void parallel_for(const Ort::KernelContext& context, std::size_t count, Work work) {
  context.ParallelFor([](void* data, std::size_t index) { (*static_cast<Work*>(data))(index); }, count, 0, &work);
}

}  // namespace diffbir::runtime
