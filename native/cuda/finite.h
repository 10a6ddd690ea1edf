#pragma once

#include <cstddef>

namespace diffbir::cuda {

/// Sets *found to 1 where one of `count` >= 1 values is NaN or infinite, and leaves it alone where none is. Enqueued on
/// `stream`, a cudaStream_t of the current device; both pointers are its memory.
void mark_not_finite(const float* values, std::size_t count, float* found, void* stream);

}  // namespace diffbir::cuda
