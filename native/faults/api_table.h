#pragma once

#include "graph/ort.h"

namespace diffbir::faults {

/// What the addon gets in the place of ONNX Runtime's table, which lives on: each addon for tests that is linked with
/// api_table.cpp and `--wrap=dlsym` has its own.
const OrtApi* table_in_place_of(const OrtApi* real);

}  // namespace diffbir::faults
