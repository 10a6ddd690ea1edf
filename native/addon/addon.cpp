#include <napi.h>

#include "addon/convert.h"
#include "addon/devices.h"
#include "addon/environment_state.h"
#include "addon/model_binding.h"
#include "addon/picture_tasks.h"
#include "addon/primitives.h"
#include "runtime/int8/kernel.h"
#include "runtime/ort_library.h"

namespace diffbir {

namespace {

Napi::Value open_runtime(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), open_ort_library(to_text(info[0], "path")));
}

void stop_on_exit(Napi::Env env) {
  const auto process = env.Global().Get("process").As<Napi::Object>();
  const auto listener = Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
    const EnvironmentState& state = EnvironmentState::of(info.Env());
    state.jobs->stop_all();
    state.reaper->wait();
  });
  process.Get("once").As<Napi::Function>().Call(process, {Napi::String::New(env, "exit"), listener});
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new EnvironmentState);
  stop_on_exit(env);
  set_function(exports, "openRuntime", open_runtime);
  set_function(exports, "devices", devices);
  set_function(exports, "createModel", create_model);
  set_function(exports, "degrade", start_degrade);
  set_function(exports, "compare", start_compare);
  set_function(exports, "niqePatches", start_niqe_patches);
  set_function(exports, "measureSpeed", start_measure_speed);
  exports.Set("int8Kernels", Napi::String::New(env, runtime::int8::kernels(false).name));
  exports.Set("primitives", make_primitives(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(diffbir, init)

}  // namespace diffbir
