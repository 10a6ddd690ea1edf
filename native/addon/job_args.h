#pragma once

#include <napi.h>

#include <string>

#include "pipeline/restore.h"

namespace diffbir {

/// A RestoreJob of src/native/binding.ts. Copies the pixels, so that the caller may change its buffer at once.
/// Throws like the conversions of addon/convert.h.
RestoreJob to_restore_job(Napi::Value value, const std::string& name);

/// The NativeResult of src/native/binding.ts. Copies the pixels into memory of JavaScript's own: an external
/// ArrayBuffer would save that copy, but Node refuses to transfer one to another thread, and Electron to make one.
Napi::Object from_restore_result(Napi::Env env, const RestoreResult& result);

}  // namespace diffbir
