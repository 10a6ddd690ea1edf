#pragma once

#include <deque>
#include <memory>

#include "addon/job.h"

namespace diffbir {

/// Jobs that run one after the other in the order they were pushed. Pushing, cancelling and settling all happen on the
/// JavaScript thread, so the queue needs no lock, and a job that waits needs no thread.
class JobQueue : public std::enable_shared_from_this<JobQueue> {
 public:
  /// Takes a job from Job::open() and starts it when its turn comes.
  void push(Job& job);

  /// Rejects at once those waiting jobs whose token was cancelled: they need not wait for the one that runs.
  void drop_cancelled();

  /// Cancels the running job and rejects the waiting ones.
  void clear(const Failure& reason);

 private:
  void start(Job& job);

  // Jobs own themselves. When the environment ends they go without telling the queue, which is not used any more then.
  std::deque<Job*> waiting_;
  Job* running_ = nullptr;
};

}  // namespace diffbir
