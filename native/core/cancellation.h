#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <utility>

#include "core/error.h"

namespace diffbir {

/// One token from the caller's AbortSignal down to the operator that is running.
/// cancel() may be called from any thread, any number of times; everything else belongs to the job's thread.
class CancellationToken {
  using Callbacks = std::list<std::function<void()>>;

 public:
  CancellationToken() = default;
  CancellationToken(const CancellationToken&) = delete;
  CancellationToken& operator=(const CancellationToken&) = delete;

  void cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    for (const auto& callback : callbacks_) callback();
  }

  bool cancelled() const noexcept { return cancelled_; }

  /// Throws Error(aborted) once cancel() was called. Cheap: call it between steps, tiles and rows.
  void check() const {
    if (cancelled_) throw Error(ErrorCode::aborted, "The operation was aborted");
  }

  /// Keeps a callback registered for its own lifetime: it runs on cancel(), from the cancelling thread, or at once when
  /// that has already happened.
  class Registration {
   public:
    Registration(CancellationToken& token, std::function<void()> callback) : token_(&token) {
      const std::lock_guard lock(token.mutex_);
      if (token.cancelled_) callback();
      entry_ = token.callbacks_.insert(token.callbacks_.end(), std::move(callback));
    }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    ~Registration() {
      const std::lock_guard lock(token_->mutex_);
      token_->callbacks_.erase(entry_);
    }

   private:
    CancellationToken* token_;
    Callbacks::iterator entry_;
  };

 private:
  std::atomic<bool> cancelled_{false};
  std::mutex mutex_;
  Callbacks callbacks_;
};

}  // namespace diffbir
