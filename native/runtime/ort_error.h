#pragma once

#include "core/error.h"
#include "graph/ort.h"

namespace diffbir::runtime {

/// out_of_memory where memory was what ONNX Runtime, or an operator of this package, lacked; else runtime_failed.
/// Operators have no code for it: a status carries the words of an exception alone.
ErrorCode code_of(const Ort::Exception& error) noexcept;

}  // namespace diffbir::runtime
