#pragma once

#include <string>

namespace diffbir {

/// Opens ONNX Runtime by absolute path and initialises its C++ API for the whole process; once, later calls with the
/// same path return at once. The library and the one Ort::Env are leaked on purpose: its static destructors must not
/// run under a worker thread at exit. Its telemetry is off, here and in programs that this process starts, unless
/// ORT_DISABLE_TELEMETRY is set already. Returns the library's version. Throws Error(runtime_not_found) with the
/// loader's own words when the file cannot be opened or is older than the headers (the message names both versions), or
/// another path is already open.
std::string open_ort_library(const std::string& path);

/// Throws Error(runtime_not_found) unless open_ort_library has succeeded.
void require_ort_library();

}  // namespace diffbir
