#include "runtime/provider/libraries.h"

#include "runtime/provider/no_device.h"

#ifdef __linux__
#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "runtime/ort_library.h"
#include "runtime/provider/elf_file.h"
#include "runtime/provider/empty_library.h"
#endif

namespace diffbir::runtime {

#ifdef __linux__

namespace {

namespace fs = std::filesystem;

constexpr const char* driver = "libcuda.so.1";

/// Of the provider itself, which ONNX Runtime loads; in order of dependence.
std::vector<std::string> provider_files(const Execution& execution) {
  if (has_cuda_plugin(execution)) return {cuda_plugin_file};
  std::vector<std::string> files{"libonnxruntime_providers_shared.so", cuda_provider_file};
  if (execution.provider == graph::Provider::tensorrt) files.emplace_back("libonnxruntime_providers_tensorrt.so");
  return files;
}

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored);
}

// install-cuda does not bring it.
constexpr const char* install_tensorrt = "Install NVIDIA's TensorRT 10, and name its folder in LD_LIBRARY_PATH";

/// The first file of the folder with the name of a library and another version behind it, of an installation for
/// another CUDA; or nothing.
std::string other_version(const fs::path& folder, const std::string& name) {
  const std::size_t version = name.find(".so.");
  if (version == std::string::npos) return "";
  const std::string stem = name.substr(0, version + 4);
  std::error_code error;
  std::string found;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string other = entry.path().filename().string();
    const bool is_number = other.find_first_not_of("0123456789", stem.size()) == std::string::npos;
    if (other.starts_with(stem) && is_number && (found.empty() || other < found)) found = other;
  }
  return found;
}

/// Opens libraries and what they are linked with, each behind its own.
class Preloader {
 public:
  explicit Preloader(fs::path folder) : folder_(std::move(folder)) {}

  void load_needed(const ElfFile& library) {
    const std::string by = fs::path(library.path()).filename().string();
    // First: without it no other matters.
    if (std::ranges::find(library.needed(), driver) != library.needed().end()) load(driver, by);
    for (const std::string& name : library.needed()) load(name, by);
  }

  void load(const std::string& name, const std::string& by) {
    if (!seen_.insert(name).second) return;
    const fs::path own = folder_ / name;
    const bool is_own = is_there(own);
    if (is_own) load_needed(ElfFile(own.string()));
    if (dlopen(is_own ? own.c_str() : name.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr) return;
    const std::string reason = dlerror();
    if (name == driver) throw_no_device("NVIDIA's driver is not there: " + reason, install_driver);
    if (is_own) throw_no_device("Cannot load " + own.string() + ": " + reason, install_cuda);
    const std::string other = other_version(folder_, name);
    const std::string instead = other.empty() ? "" : ", which has " + other + " instead";
    throw_no_device(by + " needs " + name + ", which is neither in the system (" + reason + ") nor in " +
                        folder_.string() + instead,
                    name.starts_with("libnv") && !name.starts_with("libnvrtc") ? install_tensorrt : install_cuda);
  }

 private:
  fs::path folder_;
  std::set<std::string> seen_;
};

/// It is not among what the provider is linked with: at the first operator that wants it the provider opens
/// libcudnn.so, a name that NVIDIA's packages for developers alone have.
void load_cudnn(Preloader& preloader, const fs::path& folder) {
  constexpr const char* wanted = "libcudnn.so";
  constexpr const char* cudnn = "libcudnn.so.9";
  if (!is_there(folder / cudnn)) return;
  preloader.load(cudnn, cuda_provider_file);
  if (dlopen(wanted, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD) == nullptr) load_empty_library(wanted, cudnn);
}

/// A library of the provider, whose version is that of the ONNX Runtime that is open.
void require_version(const ElfFile& library) {
  const std::string host = ort_version();
  if (library.has_text(host)) return;
  std::string versions;
  for (const std::string& version : library.versions()) versions += (versions.empty() ? " " : " or ") + version;
  throw_no_device(library.path() + " belongs to " + (versions.empty() ? "an unknown ONNX Runtime" : "ONNX Runtime") +
                      versions + ", and the one that is open is " + host + ": they must be of one version",
                  std::string(install_cuda) + ", and leave DIFFBIR_ORT_PATH unset");
}

void load(const Execution& execution) {
  const fs::path folder = execution.libraries;
  // Relative, the loader would look elsewhere.
  if (!folder.is_absolute()) {
    throw_no_device("The folder of the GPU libraries must be absolute, and is '" + execution.libraries + "'",
                    install_cuda);
  }
  Preloader preloader(folder);
  for (const std::string& name : provider_files(execution)) {
    const fs::path file = folder / name;
    if (!is_there(file)) throw_no_device(file.string() + " is missing", install_cuda);
    const ElfFile library(file.string());
    const bool has_version = name == cuda_provider_file || name == "libonnxruntime_providers_tensorrt.so";
    if (has_version) require_version(library);
    preloader.load_needed(library);
  }
  load_cudnn(preloader, folder);
}

}  // namespace

bool has_cuda_plugin(const Execution& execution) {
  const fs::path folder = execution.libraries;
  return execution.provider == graph::Provider::cuda && !is_there(folder / cuda_provider_file) &&
         is_there(folder / cuda_plugin_file);
}

void load_libraries(const Execution& execution) {
  if (execution.on_cpu()) return;
  using Loaded = std::pair<graph::Provider, std::string>;
  static auto& mutex = *new std::mutex;
  static auto& loaded = *new std::set<Loaded>;
  const std::lock_guard lock(mutex);
  const Loaded wanted{execution.provider, execution.libraries};
  if (loaded.contains(wanted)) return;
  // ONNX Runtime takes a provider once.
  if (!loaded.empty() && loaded.begin()->second != execution.libraries) {
    throw_no_device("This process already uses the GPU libraries of " + loaded.begin()->second + ", and not those of " +
                        execution.libraries,
                    "Use one folder in a process");
  }
  load(execution);
  loaded.insert(wanted);
}

#else

bool has_cuda_plugin(const Execution&) { return false; }

void load_libraries(const Execution& execution) {
  if (execution.on_cpu()) return;
  throw_no_device("There are GPU libraries for Linux alone so far", "Choose the device 'cpu'");
}

#endif

}  // namespace diffbir::runtime
