#pragma once

#include <napi.h>

#include <string>

#include "imaging/degradation/plan.h"
#include "imaging/degradation/recipe.h"

/// Degradations across the door, under the rules of addon/convert.h. TypeScript's forms are in
/// src/native/degradation.ts.
namespace diffbir {

Recipe to_recipe(Napi::Value value, const std::string& name);
BlurKernel to_blur_kernel(Napi::Value value, const std::string& name);
Plan to_plan(Napi::Value value, const std::string& name);

Napi::Object from_blur_kernel(Napi::Env env, const BlurKernel& kernel);
Napi::Array from_plan(Napi::Env env, const Plan& plan);

}  // namespace diffbir
