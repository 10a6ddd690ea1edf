#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <thread>
#include <unordered_set>

#include "addon/convert.h"
#include "core/cancellation.h"
#include "pipeline/model.h"

namespace diffbir {

class Job;

/// Hears that a job has come to its end, on the JavaScript thread, behind the promise's settlement.
class JobListener {
 public:
  virtual void on_settled() noexcept = 0;

 protected:
  ~JobListener() = default;
};

/// The open jobs of one environment. On the JavaScript thread only.
class JobRegistry {
 public:
  /// Cancels every job, waits for its thread, and lets no other start. Called from the `exit` event: process.exit() on
  /// the main thread runs no cleanup hooks, but the static destructors of ONNX Runtime, under whatever still uses it.
  void stop_all();

 private:
  friend class Job;
  std::unordered_set<Job*> open_;
  bool stopped_ = false;
};

/// Work off the JavaScript thread, and the promise of its result. Everything travels in this one object: filled on the
/// JavaScript thread, run on a thread of its own that knows nothing of JavaScript, settled on the JavaScript thread.
///
/// Life: open() hands the job to its channel, a ThreadSafeFunction that carries progress. start() or refuse() follows,
/// once, and neither can fail. When the work is done the channel is released, and its finalizer, which runs behind all
/// queued progress, settles the promise and deletes the job. When the environment goes first (process.exit(),
/// worker.terminate()), the work is cancelled and the thread joined; the promise then stays pending, since no
/// JavaScript may run.
class Job {
 public:
  virtual ~Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// `on_progress` is a function, or undefined for a job that reports none. Returns what `use(Job&)` does, which starts
  /// or refuses the job, or gives it to a queue, as the last thing that can throw: when it throws the job is no more,
  /// and nobody hears of its promise. The reference is valid until settled.
  template <typename Use>
  static auto open(Napi::Env env, std::unique_ptr<Job> job, Napi::Value on_progress, Use use) {
    Job& opened = open(env, std::move(job), on_progress);
    try {
      return use(opened);
    } catch (...) {
      opened.abandon();
      throw;
    }
  }

  /// Only in the handle scope of open(): JavaScript holds the promise, the job does not.
  Napi::Promise promise() const { return deferred_.Promise(); }

  /// May outlive the job. Once it is cancelled the promise rejects with DIFFBIR_ABORTED, whatever run() does.
  const std::shared_ptr<CancellationToken>& token() const noexcept { return token_; }

  /// Runs the job on a new thread; where there is none to be had it is refused.
  void start(std::shared_ptr<JobListener> listener = {}) noexcept;

  /// Rejects without running.
  void refuse(Failure failure) noexcept;

 protected:
  explicit Job(Napi::Env env);

  /// The work itself, on the job's thread: no Node-API here.
  virtual void run(CancellationToken& token, const ProgressCallback& on_progress) = 0;
  /// What the promise resolves to. Called on the JavaScript thread when run() has returned.
  virtual Napi::Value result(Napi::Env env) = 0;

 private:
  friend class JobRegistry;

  static Job& open(Napi::Env env, std::unique_ptr<Job> job, Napi::Value on_progress);

  // On the JavaScript thread. `env` is null when messages are only to be thrown away.
  static void deliver(napi_env env, napi_value callback, void* job, void* progress);
  static void finalize(napi_env env, void* job, void* hint);
  static void on_environment_end(void* job);
  void stop();
  void abandon() noexcept;
  void report(Napi::Env env, Napi::Function callback, const Progress& progress);
  void settle(Napi::Env env);
  void reject(Napi::Env env, const Failure& failure);

  // On the job's thread.
  void work() noexcept;
  void post(const Progress& progress);
  void release() noexcept;

  Napi::Promise::Deferred deferred_;
  std::shared_ptr<CancellationToken> token_ = std::make_shared<CancellationToken>();
  std::shared_ptr<JobListener> listener_;
  std::thread thread_;
  napi_threadsafe_function channel_ = nullptr;
  std::optional<Failure> failure_;       // of run() or refuse(); written before the channel is released
  Napi::Reference<Napi::Array> thrown_;  // [what the progress callback threw]
  std::shared_ptr<JobRegistry> registry_;
  bool is_abandoned_ = false;
  bool environment_ended_ = false;
};

}  // namespace diffbir
