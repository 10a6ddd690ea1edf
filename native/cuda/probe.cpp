#include "cuda/probe.h"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <sstream>

namespace diffbir::cuda {

namespace {

/// "75-real,120", as CMake spells them: machine code alone for the first, for the second also what drivers translate.
std::vector<std::string> built_architectures() {
  std::vector<std::string> names;
  std::istringstream list(DIFFBIR_CUDA_ARCHITECTURES);
  for (std::string entry; std::getline(list, entry, ',');) {
    const std::string number = entry.substr(0, entry.find('-'));
    const std::string kind = entry.substr(number.size());
    if (kind != "-virtual") names.push_back("sm_" + number);
    if (kind != "-real") names.push_back("compute_" + number);
  }
  return names;
}

/// 13010 -> "13.1"
std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

class Prober {
 public:
  Probe run() {
    result_.built = true;
    result_.architectures = built_architectures();
    int version = 0;
    if (ask(cudaRuntimeGetVersion(&version), "cudaRuntimeGetVersion")) result_.runtime_version = version_text(version);
    version = 0;
    if (ask(cudaDriverGetVersion(&version), "cudaDriverGetVersion") && version != 0) {
      result_.driver_version = version_text(version);
    }
    int count = 0;
    int current = 0;
    if (!ask(cudaGetDeviceCount(&count), "cudaGetDeviceCount") || !ask(cudaGetDevice(&current), "cudaGetDevice")) {
      return std::move(result_);
    }
    for (int index = 0; index < count; ++index) describe(index);
    ask(cudaSetDevice(current), "cudaSetDevice");
    return std::move(result_);
  }

 private:
  void describe(int index) {
    const std::string place = " of device " + std::to_string(index);
    cudaDeviceProp properties{};
    std::size_t free_bytes = 0;
    std::size_t total_bytes = 0;
    if (!ask(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties" + place) ||
        !ask(cudaSetDevice(index), "cudaSetDevice" + place) ||
        !ask(cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo" + place)) {
      return;
    }
    const std::string capability = std::to_string(properties.major) + "." + std::to_string(properties.minor);
    result_.devices.push_back({index, properties.name, capability, total_bytes, free_bytes,
                               properties.multiProcessorCount, properties.maxThreadsPerMultiProcessor});
  }

  /// Whether a call succeeded; else keeps the first error.
  bool ask(cudaError_t status, const std::string& call) {
    if (status == cudaSuccess) return true;
    cudaGetLastError();  // a later check would report this one
    if (!result_.error) {
      result_.error = {static_cast<int>(status), cudaGetErrorName(status), call + ": " + cudaGetErrorString(status)};
    }
    return false;
  }

  Probe result_;
};

}  // namespace

Probe probe() { return Prober().run(); }

}  // namespace diffbir::cuda
