#pragma once

#include <deque>
#include <memory>

#include "addon/job.h"

namespace diffbir {

/// Jobs that run one after the other in the order they were pushed. Pushing, cancelling and settling all happen on the
/// JavaScript thread, so the queue needs no lock, and a job that waits needs no thread.
class JobQueue : public JobListener, public std::enable_shared_from_this<JobQueue> {
 public:
  /// Takes a job from Job::open() and starts it when its turn comes. When this throws it has not taken it.
  void push(Job& job);

  /// Rejects at once those waiting jobs whose token was cancelled: they need not wait for the one that runs.
  void drop_cancelled() noexcept;

  /// Cancels the running job and rejects the waiting ones.
  void clear(ErrorCode reason) noexcept;

 private:
  void start(Job& job) noexcept;
  void on_settled() noexcept override;

  // Jobs own themselves. When the environment ends they go without telling the queue, which is not used any more then.
  std::deque<Job*> waiting_;
  Job* running_ = nullptr;
};

}  // namespace diffbir
