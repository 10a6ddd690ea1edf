#include "addon/job_queue.h"

#include <utility>

namespace diffbir {

void JobQueue::push(Job& job) {
  if (running_ == nullptr) {
    start(job);
  } else {
    waiting_.push_back(&job);
  }
}

void JobQueue::drop_cancelled() {
  std::erase_if(waiting_, [](Job* job) {
    if (!job->token()->cancelled()) return false;
    job->refuse({ErrorCode::aborted, "The operation was aborted"});
    return true;
  });
}

void JobQueue::clear(const Failure& reason) {
  if (running_ != nullptr) running_->token()->cancel();
  for (Job* job : std::exchange(waiting_, {})) job->refuse(reason);
}

void JobQueue::start(Job& job) {
  running_ = &job;
  job.start([self = shared_from_this()] {
    self->running_ = nullptr;
    if (self->waiting_.empty()) return;
    Job* next = self->waiting_.front();
    self->waiting_.pop_front();
    self->start(*next);
  });
}

}  // namespace diffbir
