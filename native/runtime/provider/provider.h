#pragma once

#include <string>

#include "graph/ort.h"
#include "runtime/provider/execution.h"

namespace diffbir::runtime {

/// What a session asks of its provider.
struct ProviderSettings {
  /// The stream (cudaStream_t) on which the provider works; null: one of its own.
  void* stream = nullptr;
  /// Whether the network is one of float16: TensorRT may then compute in it, and CUDA in TF32 where it is float32.
  bool float16 = false;
  /// What the network's engines are kept under, below Execution::cache: TensorRT does not look at weights when it looks
  /// for an engine.
  std::string engines = {};
};

/// Adds the execution's provider to the options of a session; the CPU's is always there, for what it does not have.
/// Throws Error(no_device) with the file or the provider's own words, and what load_libraries() throws. The CPU works
/// as before then.
void append_provider(Ort::SessionOptions& options, const Execution& execution, const ProviderSettings& settings);

/// The memory of a GPU, by CUDA's number.
Ort::MemoryInfo gpu_memory(int index);

bool is_on_gpu(const Ort::Value& value);

/// The page-locked memory that a session for a GPU copies from, to be held beyond its end: a session that ends has its
/// device free what it copied from last, and where that is the last to know this memory, it ends the process, since
/// nothing may be freed from there. Null on the CPU, and where a provider has none.
Ort::Allocator pinned_memory(const Ort::Session& session, const Execution& execution);

/// Where the outputs and inputs of a session lie that runs on the execution's device.
Ort::MemoryInfo device_memory(const Execution& execution);

}  // namespace diffbir::runtime
