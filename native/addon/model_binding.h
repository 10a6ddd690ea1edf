#pragma once

#include <napi.h>

#include <memory>

#include "addon/model_handle.h"

namespace diffbir {

/// createModel(spec, onProgress) of src/native/binding.ts: a task whose promise resolves to a NativeModel.
/// Maps the weights before it returns, and throws what WeightTable throws; building the networks is the task.
Napi::Value create_model(const Napi::CallbackInfo& info, const std::shared_ptr<ModelReaper>& reaper);

}  // namespace diffbir
