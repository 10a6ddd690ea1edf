#pragma once

#include <memory>
#include <string>

#include "addon/convert.h"
#include "core/guarded_device.h"

namespace diffbir {

/// Whether tensors shall lie on a guarded device, from JavaScript; on the host where it is left open.
inline std::shared_ptr<Device> to_device(Napi::Value guarded, const std::string& name) {
  if (guarded.IsUndefined() || !to_boolean(guarded, name)) return nullptr;
  return std::make_shared<GuardedDevice>();
}

}  // namespace diffbir
