#include "addon/model_binding.h"

#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "addon/convert.h"
#include "addon/convert_faces.h"
#include "addon/environment_state.h"
#include "addon/job.h"
#include "addon/job_args.h"
#include "addon/job_queue.h"
#include "addon/model_handle.h"
#include "addon/task.h"
#include "pipeline/faces/find.h"
#include "pipeline/faces/paste.h"
#include "pipeline/networks.h"
#include "pipeline/restore.h"
#include "runtime/environment.h"

namespace diffbir {

namespace {

/// Work with the model's networks: compute(model, args, token, on_progress), handed out with convert(env, result).
template <typename Args, typename Compute, typename Convert>
class ModelTask : public Job {
  using Result = std::invoke_result_t<Compute, Model&, Args, CancellationToken&, const ProgressCallback&>;

 public:
  ModelTask(Napi::Env env, std::shared_ptr<ModelHandle> handle, Args args, Compute compute, Convert convert)
      : Job(env), handle_(std::move(handle)), args_(std::move(args)), compute_(compute), convert_(convert) {}

 private:
  void run(CancellationToken& token, const ProgressCallback& on_progress) override {
    std::optional<Turns::Turn> turn;
    if (const auto& device = handle_->model->networks().device) turn.emplace(device->turns, token);
    result_ = compute_(*handle_->model, std::move(args_), token, on_progress);
  }
  Napi::Value result(Napi::Env env) override { return convert_(env, result_); }

  std::shared_ptr<ModelHandle> handle_;
  Args args_;
  Compute compute_;
  Convert convert_;
  Result result_{};
};

faces::FoundFaces find_faces(Model& model, faces::FindJob job, CancellationToken& token,
                             const ProgressCallback& on_progress) {
  faces::FoundFaces found = faces::find(face_networks(model), std::move(job), token);
  on_progress({Stage::detect, 1, 1});
  return found;
}

Image paste_faces(Model& model, faces::PasteJob job, CancellationToken& token, const ProgressCallback& on_progress) {
  return faces::paste(face_networks(model), std::move(job), token, on_progress);
}

/// What is done to a model when every earlier job has come to its end.
class ModelChange : public Job {
 public:
  using Change = void (*)(ModelHandle&);
  ModelChange(Napi::Env env, std::shared_ptr<ModelHandle> handle, Change change)
      : Job(env), handle_(std::move(handle)), change_(change) {}

 private:
  void run(CancellationToken&, const ProgressCallback&) override { change_(*handle_); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

  std::shared_ptr<ModelHandle> handle_;
  Change change_;
};

void close_networks(ModelHandle& handle) {
  auto& networks = handle.model->networks();
  networks.close();
  if (networks.device) {
    const std::lock_guard recording(networks.device->recording);
    networks.device->give_back_freed();
  }
  runtime::return_free_memory();
}

void free_model(ModelHandle& handle) { handle.model.reset(); }

/// The NativeModel of src/native/binding.ts. Its functions own the model: when JavaScript lets go of both, and no job
/// runs, the handle frees it.
Napi::Object make_model(Napi::Env env, const std::shared_ptr<ModelHandle>& handle) {
  const auto queue = std::make_shared<JobQueue>();
  const auto push = [=](Job& job) {
    if (handle->disposed) {
      job.refuse({ErrorCode::disposed});
    } else {
      queue->push(job);
    }
  };
  Napi::Object model = Napi::Object::New(env);

  // Sets model[name] to a function (args, onProgress) that queues such work.
  const auto set_task = [=](const char* name, auto to_args, auto compute, auto convert) {
    set_function(model, name, [=](const Napi::CallbackInfo& info) -> Napi::Value {
      auto args = to_args(info[0], "job");
      using Task = ModelTask<decltype(args), decltype(compute), decltype(convert)>;
      auto work = std::make_unique<Task>(info.Env(), handle, std::move(args), compute, convert);
      return Job::open(info.Env(), std::move(work), info[1], [&](Job& job) {
        const Napi::Object task = make_task(info.Env(), job, [queue] { queue->drop_cancelled(); });
        push(job);
        return task;
      });
    });
  };
  set_task("restore", to_restore_job, restore, from_restore_result);
  set_task("findFaces", to_find_job, find_faces, from_found_faces);
  set_task("pasteFaces", to_paste_job, paste_faces, from_image);

  const auto change = [=](Napi::Env env, ModelChange::Change what, const auto& push_job) -> Napi::Value {
    auto work = std::make_unique<ModelChange>(env, handle, what);
    return Job::open(env, std::move(work), env.Undefined(), [&](Job& job) {
      const Napi::Promise promise = job.promise();
      push_job(job);
      return promise;
    });
  };
  set_function(model, "closeNetworks",
               [=](const Napi::CallbackInfo& info) -> Napi::Value { return change(info.Env(), close_networks, push); });
  set_function(model, "dispose", [=](const Napi::CallbackInfo& info) -> Napi::Value {
    if (!handle->disposed) queue->clear(ErrorCode::disposed);
    handle->disposed = true;
    // A second call finds nothing to free, but it too resolves only behind the first.
    return change(info.Env(), free_model, [&](Job& job) { queue->push(job); });
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
  return start_task(env, std::make_unique<LoadTask>(env, std::move(spec)), info[1]);
}

}  // namespace diffbir
