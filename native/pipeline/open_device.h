#pragma once

#include <memory>

#include "core/device.h"
#include "runtime/provider/execution.h"

namespace diffbir {

/// The device of an execution, one for all models of the process that run there; null for the CPU. Its provider's
/// libraries are loaded. Throws what runtime::load_libraries() and cuda::Context::open() throw.
std::shared_ptr<Device> open_device(const runtime::Execution& execution);

}  // namespace diffbir
