#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <utility>

#include "addon/convert.h"
#include "addon/job.h"

namespace diffbir {

/// The NativeTask of a job that has just been opened. `cancel` may outlive the job; `on_cancel` follows each call of
/// it.
inline Napi::Object make_task(Napi::Env env, const Job& job, std::function<void()> on_cancel = {}) {
  Napi::Object task = Napi::Object::New(env);
  task.Set("promise", job.promise());
  set_function(task, "cancel", [token = job.token(), on_cancel = std::move(on_cancel)](const Napi::CallbackInfo& info) {
    token->cancel();
    if (on_cancel) on_cancel();
    return info.Env().Undefined();
  });
  return task;
}

/// The NativeTask of a job that is started at once.
inline Napi::Object start_task(Napi::Env env, std::unique_ptr<Job> work, Napi::Value on_progress) {
  return Job::open(env, std::move(work), on_progress, [&](Job& job) {
    const Napi::Object task = make_task(env, job);
    job.start();
    return task;
  });
}

}  // namespace diffbir
