#pragma once

#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>

#include "core/cancellation.h"

namespace diffbir {

/// One at a time, in the order in which they came.
class Turns {
 public:
  /// Waits for its turn, and has it for as long as it lives. Throws Error(aborted) when the token is cancelled while it
  /// waits.
  class Turn {
   public:
    Turn(Turns& turns, CancellationToken& token);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    void leave() noexcept;

    Turns& turns_;
    std::list<const Turn*>::iterator place_;
  };

  /// How many have or wait for a turn.
  std::size_t queued() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<const Turn*> waiting_;  // the first has its turn
};

}  // namespace diffbir
