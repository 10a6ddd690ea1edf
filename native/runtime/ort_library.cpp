#include "runtime/ort_library.h"

#include <cstdlib>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "graph/ort.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <filesystem>
#include <system_error>
#else
#include <dlfcn.h>
#endif
#ifdef __linux__
#include <link.h>

#include <set>
#endif

namespace diffbir {

namespace {

using GetApiBase = const OrtApiBase*(ORT_API_CALL*)();

struct Library {
  void* handle;
  GetApiBase get_api_base;
};

[[noreturn]] void fail(const std::string& path, const std::string& reason) {
  throw Error(ErrorCode::runtime_not_found, "Cannot open ONNX Runtime " + path + ": " + reason);
}

#ifdef _WIN32

Library load(const std::string& path) {
  const std::filesystem::path file(std::u8string(path.begin(), path.end()));
  // The library's own folder first, so that its providers and no stranger's on PATH are found.
  const HMODULE library =
      LoadLibraryExW(file.c_str(), nullptr, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
  if (library == nullptr) fail(path, std::system_category().message(static_cast<int>(GetLastError())));
  const auto symbol = GetProcAddress(library, "OrtGetApiBase");
  if (symbol == nullptr) fail(path, "it has no symbol OrtGetApiBase");
  return {library, reinterpret_cast<GetApiBase>(symbol)};
}

#else

Library load(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) fail(path, dlerror());
  void* symbol = dlsym(library, "OrtGetApiBase");
  if (symbol == nullptr) fail(path, "it has no symbol OrtGetApiBase");
  return {library, reinterpret_cast<GetApiBase>(symbol)};
}

#endif

/// Official builds of ONNX Runtime for Linux and macOS, from 1.29 on, note every session in a database below the user's
/// cache folder and send it to Microsoft, unless this variable is there before the first environment. The database is
/// also a danger: two copies of the library in one process have one file and a SQLite each, and one maps what the other
/// cuts (SIGBUS). Whoever wants it sets the variable, to anything: that is left alone.
void disable_telemetry() {
  constexpr const char* name = "ORT_DISABLE_TELEMETRY";
#ifdef _WIN32
  if (GetEnvironmentVariableA(name, nullptr, 0) == 0) SetEnvironmentVariableA(name, "1");
#else
  constexpr int keep = 0;
  setenv(name, "1", keep);
#endif
}

bool is_absolute(const std::string& path) {
#ifdef _WIN32
  return std::filesystem::path(std::u8string(path.begin(), path.end())).is_absolute();
#else
  return path.starts_with('/');
#endif
}

/// What is open in this process: set once, under the mutex, by the first caller that succeeds.
struct OpenLibrary {
  std::mutex mutex;
  std::string path;
  std::string version;
  void* handle = nullptr;
};

OpenLibrary& open_library() {
  static auto* const library = new OpenLibrary;
  return *library;
}

}  // namespace

std::string open_ort_library(const std::string& path) {
  OpenLibrary& library = open_library();
  const std::lock_guard lock(library.mutex);
  if (!library.version.empty()) {
    if (library.path == path) return library.version;
    fail(path, "this process already uses ONNX Runtime " + library.version + " from " + library.path);
  }
  // A bare name would be looked up on the system's search path, and by SONAME among what is loaded already.
  if (!is_absolute(path)) fail(path, "the path must be absolute");

  disable_telemetry();
  const Library opened = load(path);
  const OrtApiBase* base = opened.get_api_base();
  const std::string version = base->GetVersionString();
  const OrtApi* api = base->GetApi(ORT_API_VERSION);
  if (api == nullptr) {
    fail(path,
         "it is version " + version + ", but this build needs 1." + std::to_string(ORT_API_VERSION) + ".0 or newer");
  }
  Ort::InitApi(api);
  library.path = path;
  library.version = version;
  library.handle = opened.handle;
  return version;
}

void require_ort_library() { ort_version(); }

std::string ort_version() {
  OpenLibrary& library = open_library();
  const std::lock_guard lock(library.mutex);
  if (library.version.empty())
    throw Error(ErrorCode::runtime_not_found, "ONNX Runtime is not open: call openRuntime()");
  return library.version;
}

#ifdef __linux__

OrtElsewhere::OrtElsewhere(const std::string& folder) {
  // Never freed: somebody may have asked the loader in the meantime.
  static auto& paths = *new std::set<std::string>;
  OpenLibrary& library = open_library();
  const std::lock_guard lock(library.mutex);
  const std::string& path = *paths.insert(folder + library.path.substr(library.path.rfind('/'))).first;
  link_map* entry = nullptr;
  if (dlinfo(library.handle, RTLD_DI_LINKMAP, &entry) != 0) fail(library.path, dlerror());
  path_ = &entry->l_name;
  true_path_ = std::exchange(*path_, const_cast<char*>(path.c_str()));
}

OrtElsewhere::~OrtElsewhere() { *path_ = true_path_; }

#else

OrtElsewhere::OrtElsewhere(const std::string&) {}
OrtElsewhere::~OrtElsewhere() = default;

#endif

}  // namespace diffbir
