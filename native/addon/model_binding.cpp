#include "addon/model_binding.h"

#include <memory>
#include <utility>

#include "addon/convert.h"
#include "addon/environment_state.h"
#include "addon/job.h"
#include "addon/job_args.h"
#include "addon/job_queue.h"
#include "addon/model_handle.h"
#include "addon/task.h"
#include "pipeline/restore.h"

namespace diffbir {

namespace {

class RestoreTask : public Job {
 public:
  RestoreTask(Napi::Env env, std::shared_ptr<ModelHandle> handle, RestoreJob job)
      : Job(env), handle_(std::move(handle)), job_(std::move(job)) {}

 private:
  void run(CancellationToken& token, const ProgressCallback& on_progress) override {
    result_ = restore(*handle_->model, std::move(job_), token, on_progress);
  }
  Napi::Value result(Napi::Env env) override { return from_restore_result(env, result_); }

  std::shared_ptr<ModelHandle> handle_;
  RestoreJob job_;
  RestoreResult result_;
};

/// Frees the networks when every earlier job has come to its end.
class DisposeTask : public Job {
 public:
  DisposeTask(Napi::Env env, std::shared_ptr<ModelHandle> handle) : Job(env), handle_(std::move(handle)) {}

 private:
  void run(CancellationToken&, const ProgressCallback&) override { handle_->model.reset(); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

  std::shared_ptr<ModelHandle> handle_;
};

/// The NativeModel of src/native/binding.ts. Its functions own the model: when JavaScript lets go of both, and no job
/// runs, the handle frees it.
Napi::Object make_model(Napi::Env env, const std::shared_ptr<ModelHandle>& handle) {
  const auto queue = std::make_shared<JobQueue>();
  const Failure disposed{ErrorCode::disposed, "The model was disposed"};
  Napi::Object model = Napi::Object::New(env);

  set_function(model, "restore", [=](const Napi::CallbackInfo& info) -> Napi::Value {
    RestoreJob args = to_restore_job(info[0], "job");
    Job& job = Job::open(info.Env(), std::make_unique<RestoreTask>(info.Env(), handle, std::move(args)), info[1]);
    const Napi::Object task = make_task(info.Env(), job, [queue] { queue->drop_cancelled(); });
    if (handle->disposed) {
      job.refuse(disposed);
    } else {
      queue->push(job);
    }
    return task;
  });

  set_function(model, "dispose", [=](const Napi::CallbackInfo& info) -> Napi::Value {
    if (!handle->disposed) queue->clear(disposed);
    handle->disposed = true;
    // A second call finds nothing to free, but it too resolves only behind the first.
    Job& job = Job::open(info.Env(), std::make_unique<DisposeTask>(info.Env(), handle), info.Env().Undefined());
    const Napi::Promise promise = job.promise();
    queue->push(job);
    return promise;
  });
  return model;
}

class LoadTask : public Job {
 public:
  LoadTask(Napi::Env env, ModelSpec spec)
      : Job(env), spec_(std::move(spec)), reaper_(EnvironmentState::of(env).reaper) {}

 private:
  void run(CancellationToken& token, const ProgressCallback& on_progress) override {
    handle_ = std::make_shared<ModelHandle>(std::make_unique<Model>(spec_, token, on_progress), reaper_);
  }
  Napi::Value result(Napi::Env env) override { return make_model(env, handle_); }

  ModelSpec spec_;
  std::shared_ptr<ModelReaper> reaper_;
  std::shared_ptr<ModelHandle> handle_;
};

}  // namespace

Napi::Value create_model(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ModelSpec spec = to_model_spec(info[0], "spec");
  Job& job = Job::open(env, std::make_unique<LoadTask>(env, std::move(spec)), info[1]);
  const Napi::Object task = make_task(env, job);
  job.start();
  return task;
}

}  // namespace diffbir
