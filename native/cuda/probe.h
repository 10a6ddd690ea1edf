#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace diffbir::cuda {

/// One GPU, as CUDA counts and describes it.
struct DeviceFacts {
  int index;
  std::string name;
  std::string compute_capability;  // "9.0"
  std::uint64_t total_bytes;
  std::uint64_t free_bytes;
  int multiprocessors;
  int max_threads_per_multiprocessor;
};

/// Why CUDA could not answer, in its own words.
struct ProbeError {
  int code;             // cudaError_t
  std::string name;     // "cudaErrorInsufficientDriver"
  std::string message;  // which call, and cudaGetErrorString()
};

/// What this build and this machine have: the `NativeDevices` of src/native/devices.ts.
struct Probe {
  bool built = false;                      // with CUDA; else everything below is empty
  std::vector<std::string> architectures;  // "sm_75" for machine code, "compute_120" for what a driver can translate
  std::optional<std::string> runtime_version;  // "13.0", of the CUDA runtime in the addon
  std::optional<std::string> driver_version;   // the newest CUDA version that the driver knows; none without a driver
  std::optional<ProbeError> error;             // the first that CUDA reported
  std::vector<DeviceFacts> devices;            // that answered
};

/// Throws nothing for want of a GPU: that is an answer. Asks each GPU for its free memory, which makes CUDA's context
/// on it: some tenths of a second and some hundred MB of its memory, until the process ends.
Probe probe();

}  // namespace diffbir::cuda
