#include "runtime/session_memory.h"

#include "runtime/provider/device_allocator.h"
#include "runtime/provider/libraries.h"

namespace diffbir::runtime {

SessionMemory arrange_memory(const NetworkOptions& options) {
  const Execution& execution = options.execution;
  SessionMemory memory;
  if (has_arena) memory.shrunk_arenas = "cpu:0";
  const bool keeps_arena = options.runs_often || execution.cuda_graphs;
  if (execution.on_cpu()) {
    memory.has_device_weights = options.device && execution.guarded && keeps_arena;
    return memory;
  }
  // The plugin has memory to offer itself.
  const bool has_provider = options.device && !has_cuda_plugin(execution);
  memory.is_offered = has_provider && !keeps_arena && offer_memory(options.device, execution.device);
  memory.has_device_weights = has_provider && keeps_arena && execution.provider == graph::Provider::cuda;
  if (!memory.is_offered && !keeps_arena) {
    if (has_arena) memory.shrunk_arenas += ';';
    memory.shrunk_arenas += "gpu:" + std::to_string(execution.device);
  }
  return memory;
}

}  // namespace diffbir::runtime
