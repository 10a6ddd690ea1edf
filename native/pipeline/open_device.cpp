#include "pipeline/open_device.h"

#include <map>
#include <mutex>

#include "core/guarded_device.h"
#include "cuda/context.h"
#include "runtime/provider/libraries.h"

namespace diffbir {

std::shared_ptr<Device> open_device(const runtime::Execution& execution) {
  if (execution.guarded) return std::make_shared<GuardedDevice>();
  if (execution.on_cpu()) return nullptr;
  runtime::load_libraries(execution);
  static auto& mutex = *new std::mutex;
  static auto& open = *new std::map<int, std::weak_ptr<Device>>;
  const std::lock_guard lock(mutex);
  std::weak_ptr<Device>& known = open[execution.device];
  if (auto device = known.lock()) return device;
  std::shared_ptr<Device> device = cuda::Context::open(execution.device);
  known = device;
  return device;
}

}  // namespace diffbir
