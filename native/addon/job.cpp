#include "addon/job.h"

#include <exception>
#include <utility>

#include "addon/environment_state.h"

namespace diffbir {

namespace {

Napi::Object from_progress(Napi::Env env, const Progress& progress) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("stage", to_string(progress.stage));
  object.Set("step", progress.step);
  object.Set("steps", progress.steps);
  if (!progress.text.empty()) object.Set("text", progress.text);
  return object;
}

void check(Napi::Env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

}  // namespace

void JobRegistry::stop_all() {
  stopped_ = true;
  for (Job* job : open_) job->token_->cancel();
  for (Job* job : open_) job->stop();
}

Job::Job(Napi::Env env) : deferred_(env), registry_(EnvironmentState::of(env).jobs) {}

Job& Job::open(Napi::Env env, std::unique_ptr<Job> job, Napi::Value on_progress) {
  napi_value callback = nullptr;
  JobRegistry& registry = *job->registry_;
  try {
    if (!on_progress.IsUndefined()) callback = to_function(on_progress, "onProgress");
    const auto name = Napi::String::New(env, "diffbir");
    registry.open_.insert(job.get());
    check(env, napi_create_threadsafe_function(env, callback, nullptr, name, /*max_queue_size=*/0,
                                               /*initial_thread_count=*/1, job.get(), &Job::finalize, job.get(),
                                               &Job::deliver, &job->channel_));
  } catch (...) {
    registry.open_.erase(job.get());
    job->deferred_.Resolve(env.Undefined());  // Node frees a promise's other end with its settlement
    throw;
  }
  Job& opened = *job.release();  // the channel's from here on
  // Hooks run last in, first out: this one before the channel's own, so that the thread is gone when the channel goes.
  opened.has_hook_ = napi_add_env_cleanup_hook(env, &Job::on_environment_end, &opened) == napi_ok;
  if (opened.has_hook_) return opened;
  opened.abandon();
  throw Napi::Error::New(env);
}

void Job::start(std::shared_ptr<JobListener> listener) noexcept {
  if (registry_->stopped_) return;
  listener_ = std::move(listener);
  try {
    thread_ = std::thread(&Job::work, this);
  } catch (const std::exception&) {
    refuse({ErrorCode::out_of_memory});  // a thread is memory too
  }
}

void Job::refuse(Failure failure) noexcept {
  failure_ = std::move(failure);
  release();
}

void Job::abandon() noexcept {
  is_abandoned_ = true;
  release();
}

void Job::work() noexcept {
  try {
    run(*token_, [this](const Progress& progress) { post(progress); });
  } catch (...) {
    failure_ = describe(std::current_exception());
  }
  release();
}

void Job::post(const Progress& progress) {
  auto message = std::make_unique<Progress>(progress);
  if (napi_call_threadsafe_function(channel_, message.get(), napi_tsfn_nonblocking) == napi_ok) {
    static_cast<void>(message.release());  // deliver() deletes it
  }
}

void Job::release() noexcept { napi_release_threadsafe_function(channel_, napi_tsfn_release); }

void Job::deliver(napi_env env, napi_value callback, void* job, void* progress) {
  const std::unique_ptr<Progress> message(static_cast<Progress*>(progress));
  if (env == nullptr || callback == nullptr) return;
  try {
    static_cast<Job*>(job)->report(env, Napi::Function(env, callback), *message);
  } catch (const Napi::Error&) {
    // Thrown while the environment is being terminated: its cleanup hook is about to cancel the job.
  }
}

void Job::report(Napi::Env env, Napi::Function callback, const Progress& progress) {
  if (token_->cancelled()) return;
  const napi_value message = from_progress(env, progress);
  // Plain Node-API: Napi::Error aborts the process when the exception is no object, or is worker.terminate()'s own.
  if (napi_call_function(env, env.Undefined(), callback, 1, &message, nullptr) == napi_ok) return;
  token_->cancel();
  napi_value exception;
  napi_value box;
  napi_ref reference;
  if (napi_get_and_clear_last_exception(env, &exception) == napi_ok && napi_create_array(env, &box) == napi_ok &&
      napi_set_element(env, box, 0, exception) == napi_ok &&
      napi_create_reference(env, box, 1, &reference) == napi_ok) {
    thrown_ = Napi::Reference<Napi::Array>(env, reference);
  }
}

void Job::stop() {
  environment_ended_ = true;
  token_->cancel();
  if (thread_.joinable()) thread_.join();
}

void Job::on_environment_end(void* data) {
  Job& job = *static_cast<Job*>(data);
  job.has_hook_ = false;
  job.stop();
}

void Job::finalize(napi_env env, void* data, void*) {
  const std::unique_ptr<Job> job(static_cast<Job*>(data));
  job->registry_->open_.erase(job.get());
  if (job->thread_.joinable()) job->thread_.join();
  // After process.exit() in a worker the channel may go before the hooks are called.
  if (job->has_hook_) napi_remove_env_cleanup_hook(env, &Job::on_environment_end, job.get());
  if (job->environment_ended_) return;
  try {
    job->settle(env);
  } catch (const Napi::Error&) {
    // The environment is being terminated around us: nobody is left who could hear of it.
  }
  if (job->listener_) job->listener_->on_settled();
}

void Job::settle(Napi::Env env) {
  if (is_abandoned_) return deferred_.Resolve(env.Undefined());
  if (!thrown_.IsEmpty()) return deferred_.Reject(thrown_.Value().Get(0U));
  if (token_->cancelled()) return reject(env, {ErrorCode::aborted});
  if (failure_) return reject(env, *failure_);
  try {
    deferred_.Resolve(guarded(env, [&] { return result(env); }));
  } catch (const Napi::Error& error) {
    deferred_.Reject(error.Value());
  }
}

void Job::reject(Napi::Env env, const Failure& failure) { deferred_.Reject(to_js_error(env, failure).Value()); }

}  // namespace diffbir
