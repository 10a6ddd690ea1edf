#pragma once

#include <string>

#include "runtime/provider/execution.h"

namespace diffbir::runtime {

/// What lies in Execution::libraries: ONNX Runtime's own, or the plugin, a library for every ONNX Runtime from 1.24.4
/// on.
inline constexpr const char* cuda_provider_file = "libonnxruntime_providers_cuda.so";
inline constexpr const char* cuda_plugin_file = "libonnxruntime_providers_cuda_plugin.so";

/// Whether the folder has the CUDA provider as a plugin, and not as ONNX Runtime's own.
bool has_cuda_plugin(const Execution& execution);

/// Loads what the provider's libraries are linked with, by full path and in order of dependence, so that no search path
/// need be set, and cuDNN under the name by which the provider looks for it. What the folder lacks is looked for in the
/// system. Before that compares the version inside the provider's libraries with that of the ONNX Runtime that is open:
/// it does not refuse another one itself. The libraries stay loaded; a later call for the same returns at once. May be
/// called on any thread. Nothing for the CPU.
/// Throws Error(no_device) that names the file and what to do.
void load_libraries(const Execution& execution);

}  // namespace diffbir::runtime
