#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/device_memory.h"
#include "core/moments.h"

namespace diffbir::runtime {

/// How the tiles of a picture come to one set of statistics at a group normalisation.
enum class Pooling {
  exact,      // as if the picture were normalised whole
  reference,  // the average of the tiles' variances, their means' spread left out (behaviour.md 6.4)
};

/// Moments per batch item and group, in the memory of a device; null is the host.
struct GroupMoments {
  const Moments* values;
  std::size_t count;
  std::shared_ptr<Device> device = nullptr;
};

/// Lets the tiles of one picture run through a network in lock-step: at every group normalisation each tile leaves its
/// moments here, waits for all the others', and goes on with those of the whole picture. Each tile runs on a thread of
/// its own; at most `concurrency` of them compute at a time, the others wait and hold only their feature maps.
///
/// Or, `one_by_one`, a tile stops at the first normalisation that not all tiles have reached, once its moments are left
/// here. When every tile has been run as often as there are normalisations the statistics are complete, and the next
/// runs go through. Only one tile is in memory at a time, and the network is run about half as often as it has
/// normalisations.
class TileStatistics {
 public:
  TileStatistics(std::size_t tiles, std::size_t concurrency, Pooling pooling, bool one_by_one = false);

  /// Brackets the computing of one tile; begin() waits for a place.
  void begin();
  void end() noexcept;

  /// Called by the normalisation with index `norm` (0, 1, ... in the order of the network) for tile number `tile`, with
  /// its moments, which are copied. Returns as many of all tiles, in the same memory for as long as this lives; null
  /// where some have not come yet: then wait() is next. On a device everything is queued. Throws Error(aborted) when
  /// this tile has to stop here, and what the device throws.
  const Moments* leave(std::size_t norm, std::size_t tile, const GroupMoments& moments);

  /// Those of all tiles, once the last has come. Throws Error(aborted) when another tile has failed.
  const Moments* wait(std::size_t norm);

  /// Whether leave() has made a tile stop since this was asked last.
  bool take_stopped() noexcept;

  /// How many normalisations have the statistics of all tiles.
  std::size_t complete() const noexcept;

  /// Releases all who wait: a tile has failed and will not come.
  void fail() noexcept;

 private:
  /// What tiles leave at one normalisation, by tile number, so that sums do not depend on who comes first; behind
  /// them what is pooled of it.
  class Norm {
   public:
    Norm(std::size_t tiles, const GroupMoments& first);
    Norm(const Norm&) = delete;
    Norm& operator=(const Norm&) = delete;
    void keep(std::size_t tile, const Moments* moments);
    bool is_complete() const noexcept { return arrived_ == has_.size(); }
    void pool(Pooling pooling);
    const Moments* pooled() const noexcept { return pooled_; }

   private:
    std::size_t count_;
    std::vector<Moments> values_;  // on the host
    DeviceMemory memory_;          // on a device
    Moments* of_tiles_;
    std::vector<bool> has_;
    std::size_t arrived_ = 0;
    const Moments* pooled_ = nullptr;  // once all have arrived
  };

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  const std::size_t tiles_;
  const Pooling pooling_;
  std::size_t places_;
  const bool one_by_one_;
  bool stopped_ = false;
  bool failed_ = false;
  std::map<std::size_t, Norm> norms_;
};

/// One run of a network over one tile.
struct TileRun {
  TileStatistics* statistics;
  std::size_t tile;
  /// The rows and columns of the network's input, of input_height x input_width, that only this tile answers for:
  /// the overlap with its neighbours counts once.
  std::int64_t input_height, input_width;
  Region own;
  /// The network's; null on the CPU.
  std::shared_ptr<Device> device = nullptr;
  /// Held by whoever computes with the network's session (Network::turn()), this run's thread among others; null where
  /// several may. Let go of while the tile waits: the others need it to come as far.
  std::mutex* turn = nullptr;

  /// The same at the resolution of a feature map.
  Region region(std::int64_t height, std::int64_t width) const;
  /// The moments of all tiles in exchange for this one's, as TileStatistics has them. Nothing else waits.
  const Moments* pool(std::size_t norm, const GroupMoments& moments) const;
};

/// The runs that are under way in a network, by the ticket that travels through its graph as a tensor: graphs carry
/// numbers, not pointers.
class TileRegistry {
 public:
  std::int64_t open(const TileRun& run);
  void close(std::int64_t ticket) noexcept;
  /// Throws Error(internal) for a ticket that is not open.
  TileRun find(std::int64_t ticket) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::int64_t, TileRun> runs_;
  std::int64_t next_ = 1;
};

}  // namespace diffbir::runtime
