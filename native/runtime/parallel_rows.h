#pragma once

#include <algorithm>
#include <cstddef>

#include "graph/ort.h"

namespace diffbir::runtime {

/// Calls body(first, count) for parts of `rows` rows of `width` values, on the threads of the session. Parts are small
/// enough to stay in a core's cache, and large enough to be worth a thread's attention.
template <typename Body>
void parallel_rows(const Ort::KernelContext& context, std::size_t rows, std::size_t width, const Body& body) {
  constexpr std::size_t values_per_part = 1 << 15;
  struct Work {
    const Body& body;
    std::size_t rows, rows_per_part;
  };
  const Work work{body, rows, std::max<std::size_t>(1, values_per_part / std::max<std::size_t>(1, width))};
  const auto run_part = [](void* data, std::size_t part) {
    const Work& w = *static_cast<const Work*>(data);
    const std::size_t first = part * w.rows_per_part;
    w.body(first, std::min(w.rows_per_part, w.rows - first));
  };
  const std::size_t parts = (rows + work.rows_per_part - 1) / work.rows_per_part;
  context.ParallelFor(run_part, parts, 0, const_cast<Work*>(&work));
}

}  // namespace diffbir::runtime
