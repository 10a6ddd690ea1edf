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

/// The version of the library that is open. Throws what require_ort_library() throws.
std::string ort_version();

/// For as long as it lives ONNX Runtime takes another folder for that of its library, where it looks for the libraries
/// of its providers. It asks the system's loader for the path of its library each time, and there the path is changed
/// for so long: a folder of links would have to be there before the library is opened, and that of our package cannot
/// be written to. One at a time. Nothing but on Linux.
class OrtElsewhere {
 public:
  explicit OrtElsewhere(const std::string& folder);
  ~OrtElsewhere();
  OrtElsewhere(const OrtElsewhere&) = delete;
  OrtElsewhere& operator=(const OrtElsewhere&) = delete;

 private:
  char** path_ = nullptr;  // the loader's own
  char* true_path_ = nullptr;
};

}  // namespace diffbir
