#pragma once

#include <napi.h>

#include <string>

#include "pipeline/restore.h"

namespace diffbir {

/// A RestoreJob of src/native/binding.ts. Copies the pixels, so that the caller may change its buffer at once.
/// Throws like the conversions of addon/convert.h.
RestoreJob to_restore_job(Napi::Value value, const std::string& name);

/// The NativeResult of src/native/binding.ts. JavaScript takes over the memory of the pixels where the runtime allows
/// memory that it has not allocated itself, else they are copied.
Napi::Object from_restore_result(Napi::Env env, RestoreResult result);

}  // namespace diffbir
