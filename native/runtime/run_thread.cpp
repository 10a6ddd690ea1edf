#include "runtime/run_thread.h"

#include <utility>

namespace diffbir::runtime {

RunThread::RunThread() : thread_(&RunThread::serve, this) {}

RunThread::~RunThread() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void RunThread::run(const std::function<void()>& work) {
  std::unique_lock lock(mutex_);
  work_ = &work;
  changed_.notify_all();
  changed_.wait(lock, [&] { return work_ == nullptr; });
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void RunThread::serve() noexcept {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return work_ != nullptr || is_over_; });
    if (work_ == nullptr) return;
    lock.unlock();
    try {
      (*work_)();
    } catch (...) {
      error_ = std::current_exception();
    }
    lock.lock();
    work_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace diffbir::runtime
