#include "core/turns.h"

namespace diffbir {

Turns::Turn::Turn(Turns& turns, CancellationToken& token) : turns_(turns) {
  const CancellationToken::Registration registration(token, [&turns] {
    const std::lock_guard lock(turns.mutex_);  // a wait that has just looked at the token is woken as well
    turns.changed_.notify_all();
  });
  std::unique_lock lock(turns.mutex_);
  place_ = turns.waiting_.insert(turns.waiting_.end(), this);
  turns.changed_.wait(lock, [&] { return turns.waiting_.front() == this || token.cancelled(); });
  if (!token.cancelled()) return;
  lock.unlock();
  leave();
  token.check();
}

Turns::Turn::~Turn() { leave(); }

std::size_t Turns::queued() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

void Turns::Turn::leave() noexcept {
  const std::lock_guard lock(turns_.mutex_);
  turns_.waiting_.erase(place_);
  turns_.changed_.notify_all();
}

}  // namespace diffbir
