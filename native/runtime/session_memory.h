#pragma once

#include <string>

#include "runtime/network.h"

namespace diffbir::runtime {

// The address sanitizer sees who reaches out of a block, and in an arena many tensors are one block.
#ifdef __SANITIZE_ADDRESS__
constexpr bool has_arena = false;
#else
constexpr bool has_arena = true;
#endif

/// What a session takes of its device's memory, and what it gives back.
struct SessionMemory {
  /// Whether it takes all from the device, which has it back as soon as a tensor is gone: what runs once a picture. The
  /// others have an arena that keeps it for the next run, and for what is recorded. An arena that shrinks and grows
  /// with each picture costs the host a table of an entry for each 256 bytes.
  bool is_offered = false;
  /// Whether its weights are DeviceWeights: not where each is a part of the memory that is offered.
  bool has_device_weights = false;
  /// The arenas that a run gives back to the system, as ONNX Runtime names them, so that the next stage finds their
  /// memory. Not the device's where it costs more than it is worth, not where a recorded run computes in it.
  std::string shrunk_arenas;
};

/// Also offers the device's memory to ONNX Runtime, where it is to be taken.
SessionMemory arrange_memory(const NetworkOptions& options);

}  // namespace diffbir::runtime
