#include "addon/job_queue.h"

namespace diffbir {

void JobQueue::push(Job& job) {
  if (running_ == nullptr) {
    start(job);
  } else {
    waiting_.push_back(&job);
  }
}

void JobQueue::drop_cancelled() noexcept {
  std::erase_if(waiting_, [](Job* job) {
    if (!job->token()->cancelled()) return false;
    job->refuse({ErrorCode::aborted});
    return true;
  });
}

void JobQueue::clear(ErrorCode reason) noexcept {
  if (running_ != nullptr) running_->token()->cancel();
  for (; !waiting_.empty(); waiting_.pop_front()) waiting_.front()->refuse({reason});
}

void JobQueue::start(Job& job) noexcept {
  running_ = &job;
  job.start(shared_from_this());
}

void JobQueue::on_settled() noexcept {
  running_ = nullptr;
  if (waiting_.empty()) return;
  Job* next = waiting_.front();
  waiting_.pop_front();
  start(*next);
}

}  // namespace diffbir
