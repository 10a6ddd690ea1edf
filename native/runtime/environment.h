#pragma once

#include "graph/ort.h"

namespace diffbir::runtime {

/// The one Ort::Env of the process: made on first use, shared by every session of every thread, and leaked on purpose,
/// since a worker may still be inside ONNX Runtime when static destructors run.
/// Throws Error(runtime_not_found) unless open_ort_library() has succeeded.
Ort::Env& environment();

}  // namespace diffbir::runtime
