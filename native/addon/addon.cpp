#include <napi.h>

#include <memory>

#include "addon/convert.h"
#include "addon/model_binding.h"
#include "addon/primitives.h"
#include "runtime/ort_library.h"

namespace diffbir {

namespace {

/// What one environment (the main thread or a worker) has to itself. All else lives in JavaScript objects.
struct EnvironmentState {
  std::shared_ptr<ModelReaper> reaper = std::make_shared<ModelReaper>();
};

Napi::Value open_runtime(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), open_ort_library(to_text(info[0], "path")));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new EnvironmentState);
  set_function(exports, "openRuntime", open_runtime);
  set_function(exports, "createModel", [](const Napi::CallbackInfo& info) {
    return create_model(info, info.Env().GetInstanceData<EnvironmentState>()->reaper);
  });
  exports.Set("primitives", make_primitives(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(diffbir, init)

}  // namespace diffbir
