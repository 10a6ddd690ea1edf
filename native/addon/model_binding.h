#pragma once

#include <napi.h>

namespace diffbir {

/// createModel(spec, onProgress) of src/native/binding.ts: a task whose promise resolves to a NativeModel.
/// Maps the weights before it returns, and throws what WeightTable throws; building the networks is the task.
Napi::Value create_model(const Napi::CallbackInfo& info);

}  // namespace diffbir
