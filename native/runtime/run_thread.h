#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace diffbir::runtime {

/// A thread that does what others give it, one thing at a time. ONNX Runtime keeps what it has recorded with the thread
/// that it was recorded on.
class RunThread {
 public:
  RunThread();
  ~RunThread();
  RunThread(const RunThread&) = delete;
  RunThread& operator=(const RunThread&) = delete;

  /// Does `work` there, waits for its end, and throws what it threw. Not for two callers at once.
  void run(const std::function<void()>& work);

 private:
  void serve() noexcept;

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void()>* work_ = nullptr;
  std::exception_ptr error_;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace diffbir::runtime
