#pragma once

#include <napi.h>

#include <string>

#include "imaging/metrics/compare.h"
#include "imaging/metrics/niqe.h"

/// Metrics across the door, under the rules of addon/convert.h. What is empty in C++ is null in JavaScript.
namespace diffbir {

NiqeModel to_niqe_model(Napi::Value value, const std::string& name);
Napi::Object from_comparison(Napi::Env env, const Comparison& comparison);
Napi::Object from_niqe_patches(Napi::Env env, const NiqePatches& patches);

}  // namespace diffbir
