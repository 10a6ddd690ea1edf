#pragma once

#include "graph/ort.h"

namespace diffbir::runtime {

/// What ONNX Runtime prints.
inline constexpr OrtLoggingLevel log_level = ORT_LOGGING_LEVEL_ERROR;

/// The one Ort::Env of the process: made on first use, shared by every session of every thread, and leaked on purpose,
/// since a worker may still be inside ONNX Runtime when static destructors run.
/// Its first use also bounds what the heaps of the process keep of freed memory (glibc).
/// Throws Error(runtime_not_found) unless open_ort_library() has succeeded.
Ort::Env& environment();

/// Gives what the allocator keeps for later back to the system. glibc keeps blocks of less than 32 MiB in heaps, one
/// for each thread, where the next stage's larger ones do not fit: without this every stage adds its peak to the last
/// one's.
void return_free_memory() noexcept;

}  // namespace diffbir::runtime
