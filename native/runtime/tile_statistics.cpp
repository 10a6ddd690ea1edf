#include "runtime/tile_statistics.h"

#include <algorithm>
#include <utility>

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
  return static_cast<std::size_t>(std::ranges::count_if(norms_, [](const auto& norm) { return norm.second.done; }));
}

void TileStatistics::fail() noexcept {
  const std::lock_guard lock(mutex_);
  failed_ = true;
  changed_.notify_all();
}

std::vector<Moments> TileStatistics::pool(std::size_t index, std::size_t tile, const std::vector<Moments>& moments) {
  std::unique_lock lock(mutex_);
  Norm& norm = norms_[index];
  if (norm.done) return norm.pooled;

  norm.tiles.resize(tiles_);
  // A tile that was let through when it came last meets the next normalisation once more.
  if (norm.tiles.at(tile).empty()) ++norm.arrived;
  norm.tiles[tile] = moments;
  if (norm.arrived == tiles_) {
    norm.pooled = pooled(norm);
    norm.tiles.clear();
    norm.done = true;
    changed_.notify_all();
    return norm.pooled;
  }
  if (one_by_one_) {
    stopped_ = true;
    throw Error(ErrorCode::aborted, "The tile stops until the others have come as far");
  }
  ++places_;  // somebody else may compute while this tile waits
  changed_.notify_all();
  changed_.wait(lock, [&] { return (norm.done && places_ > 0) || failed_; });
  if (failed_) throw Error(ErrorCode::aborted, "Another tile of the picture has failed");
  --places_;
  return norm.pooled;
}

std::vector<Moments> TileStatistics::pooled(const Norm& norm) const {
  std::vector<Moments> result(norm.tiles.front().size());
  for (std::size_t group = 0; group < result.size(); ++group) {
    Moments& all = result[group];
    for (const auto& tile : norm.tiles) {
      if (pooling_ == Pooling::exact) {
        all = merge(all, tile[group]);
      } else {
        const double count = all.count + tile[group].count;
        all = {count, all.mean + (tile[group].mean - all.mean) * tile[group].count / count, all.m2 + tile[group].m2};
      }
    }
  }
  return result;
}

Region TileRun::region(std::int64_t height, std::int64_t width) const {
  return {own.top * height / input_height, own.left * width / input_width, own.bottom * height / input_height,
          own.right * width / input_width};
}

std::vector<Moments> TileRun::pool(std::size_t norm, const std::vector<Moments>& moments) const {
  const Aside aside(turn);
  return statistics->pool(norm, tile, moments);
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
