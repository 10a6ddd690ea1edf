#include "pipeline/open_device.h"

#include <map>
#include <mutex>

#include "core/guarded_device.h"
#include "cuda/context.h"
#include "runtime/provider/libraries.h"

namespace diffbir {

std::shared_ptr<Device> open_device(const runtime::Execution& execution) {
  constexpr int guarded = -1;
  if (execution.on_cpu() && !execution.guarded) return nullptr;
  runtime::load_libraries(execution);
  static auto& mutex = *new std::mutex;
  static auto& open = *new std::map<int, std::weak_ptr<Device>>;
  const std::lock_guard lock(mutex);
  std::weak_ptr<Device>& known = open[execution.guarded ? guarded : execution.device];
  if (auto device = known.lock()) return device;
  std::shared_ptr<Device> device;
  if (execution.guarded) {
    device = std::make_shared<GuardedDevice>();
  } else {
    device = cuda::Context::open(execution.device);
  }
  known = device;
  return device;
}

}  // namespace diffbir
