#pragma once

#include <napi.h>

namespace diffbir {

/// `devices` of src/native/binding.ts.
Napi::Value devices(const Napi::CallbackInfo& info);

}  // namespace diffbir
