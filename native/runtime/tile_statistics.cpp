#include "runtime/tile_statistics.h"

#include <algorithm>
#include <utility>

#include "core/each.h"
#include "core/error.h"

namespace diffbir::runtime {

namespace {

/// Lets go of a mutex of this thread's for as long as it lives.
class Aside {
 public:
  explicit Aside(std::mutex* mutex) : mutex_(mutex) {
    if (mutex_) mutex_->unlock();
  }
  ~Aside() {
    if (mutex_) mutex_->lock();
  }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

 private:
  std::mutex* mutex_;
};

}  // namespace

TileStatistics::TileStatistics(std::size_t tiles, std::size_t concurrency, Pooling pooling, bool one_by_one)
    : tiles_(tiles), pooling_(pooling), places_(concurrency), one_by_one_(one_by_one) {}

void TileStatistics::begin() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return places_ > 0 || failed_; });
  if (failed_) throw Error(ErrorCode::aborted, "Another tile of the picture has failed");
  --places_;
}

void TileStatistics::end() noexcept {
  const std::lock_guard lock(mutex_);
  ++places_;
  changed_.notify_all();
}

bool TileStatistics::take_stopped() noexcept {
  const std::lock_guard lock(mutex_);
  return std::exchange(stopped_, false);
}

std::size_t TileStatistics::complete() const noexcept {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(norms_, [](const auto& norm) { return norm.second.pooled() != nullptr; }));
}

void TileStatistics::fail() noexcept {
  const std::lock_guard lock(mutex_);
  failed_ = true;
  changed_.notify_all();
}

const Moments* TileStatistics::leave(std::size_t index, std::size_t tile, const GroupMoments& moments) {
  const std::lock_guard lock(mutex_);
  Norm& norm = norms_.try_emplace(index, tiles_, moments).first->second;
  if (norm.pooled()) return norm.pooled();

  norm.keep(tile, moments.values);
  if (norm.is_complete()) {
    norm.pool(pooling_);
    changed_.notify_all();
    return norm.pooled();
  }
  if (one_by_one_) {
    stopped_ = true;
    throw Error(ErrorCode::aborted, "The tile stops until the others have come as far");
  }
  return nullptr;
}

const Moments* TileStatistics::wait(std::size_t index) {
  std::unique_lock lock(mutex_);
  const Norm& norm = norms_.at(index);
  ++places_;  // somebody else may compute while this tile waits
  changed_.notify_all();
  changed_.wait(lock, [&] { return (norm.pooled() && places_ > 0) || failed_; });
  if (failed_) throw Error(ErrorCode::aborted, "Another tile of the picture has failed");
  --places_;
  return norm.pooled();
}

TileStatistics::Norm::Norm(std::size_t tiles, const GroupMoments& first) : count_(first.count), has_(tiles) {
  const std::size_t values = (tiles + 1) * count_;
  if (first.device) {
    memory_ = DeviceMemory(first.device, values * (sizeof(Moments) / sizeof(float)));
    of_tiles_ = reinterpret_cast<Moments*>(memory_.data());
  } else {
    values_.resize(values);
    of_tiles_ = values_.data();
  }
}

void TileStatistics::Norm::keep(std::size_t tile, const Moments* moments) {
  // A tile that was let through when it came last meets the next normalisation once more.
  if (!has_.at(tile)) ++arrived_;
  has_[tile] = true;
  for_each_index(memory_.device().get(), CopyMoments{moments, of_tiles_ + tile * count_},
                 static_cast<std::int64_t>(count_));
}

void TileStatistics::Norm::pool(Pooling pooling) {
  Moments* const all = of_tiles_ + has_.size() * count_;
  const auto count = static_cast<std::int64_t>(count_);
  for_each_index(memory_.device().get(),
                 PoolMoments{.of_tiles = of_tiles_,
                             .tiles = std::ssize(has_),
                             .count = count,
                             .with_spread = pooling == Pooling::exact,
                             .out = all},
                 count);
  pooled_ = all;
}

Region TileRun::region(std::int64_t height, std::int64_t width) const {
  return {own.top * height / input_height, own.left * width / input_width, own.bottom * height / input_height,
          own.right * width / input_width};
}

const Moments* TileRun::pool(std::size_t norm, const GroupMoments& moments) const {
  if (const Moments* const all = statistics->leave(norm, tile, moments)) return all;
  const Aside aside(turn);
  return statistics->wait(norm);
}

std::int64_t TileRegistry::open(const TileRun& run) {
  const std::lock_guard lock(mutex_);
  runs_.emplace(next_, run);
  return next_++;
}

void TileRegistry::close(std::int64_t ticket) noexcept {
  const std::lock_guard lock(mutex_);
  runs_.erase(ticket);
}

TileRun TileRegistry::find(std::int64_t ticket) const {
  const std::lock_guard lock(mutex_);
  const auto entry = runs_.find(ticket);
  if (entry == runs_.end()) throw Error(ErrorCode::internal, "No run of a tile has this ticket");
  return entry->second;
}

}  // namespace diffbir::runtime
