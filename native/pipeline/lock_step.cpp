#include "pipeline/lock_step.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "core/device.h"
#include "core/error.h"
#include "runtime/environment.h"

namespace diffbir {
namespace {

using runtime::TileRun;
using runtime::TileStatistics;

/// Keeps the first error of several threads. Those who only gave up because of it come later.
class FirstError {
 public:
  void keep(std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr error_;
};

/// A ticket for one run, for as long as it lasts.
class Ticket {
 public:
  Ticket(runtime::TileRegistry& registry, const TileRun& run) : registry_(registry), number_(registry.open(run)) {}
  ~Ticket() { registry_.close(number_); }
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  const std::int64_t& number() const { return number_; }

 private:
  runtime::TileRegistry& registry_;
  std::int64_t number_;
};

/// What one tile frees the next one asks for: a device has it ready as long as this lives.
class FreedMemory {
 public:
  explicit FreedMemory(const std::shared_ptr<Device>& device) : device_(device) {
    if (device_) device_->keep_freed(true);
  }
  ~FreedMemory() {
    try {
      if (device_) device_->keep_freed(false);
    } catch (const Error&) {
      // Of the work before, whose own caller hears of it.
    }
  }
  FreedMemory(const FreedMemory&) = delete;
  FreedMemory& operator=(const FreedMemory&) = delete;

 private:
  std::shared_ptr<Device> device_;
};

/// What a tile answers for in its input.
Region own_region(const OverlappingTile& tile, runtime::Pooling pooling) {
  if (pooling == runtime::Pooling::reference) return {0, 0, tile.input.height, tile.input.width};
  const std::int64_t top = tile.own.y - tile.input.y;
  const std::int64_t left = tile.own.x - tile.input.x;
  return {top, left, top + tile.own.height, left + tile.own.width};
}

}  // namespace

void run_in_lock_step(runtime::Network& network, const TileSource& x, const std::vector<OverlappingTile>& tiles,
                      const LockStepOptions& options, CancellationToken& token, const TileSink& sink) {
  TileStatistics statistics(tiles.size(), std::max<std::size_t>(1, options.concurrency), options.pooling,
                            !options.at_once);
  std::mutex sink_mutex;
  const FreedMemory freed_memory(network.device());

  const auto run_tile = [&](std::size_t number, const OverlappingTile& tile) {
    const Tensor input = x.cut(tile.input);
    const Ticket ticket(network.tiles(), {.statistics = &statistics,
                                          .tile = number,
                                          .input_height = tile.input.height,
                                          .input_width = tile.input.width,
                                          .own = own_region(tile, options.pooling),
                                          .device = network.device(),
                                          .turn = network.turn()});
    const Ort::Value inputs[] = {runtime::view(input), runtime::view(ticket.number())};
    const Tensor output = network.run_to_tensor(inputs, token);
    const std::lock_guard lock(sink_mutex);
    sink(tile, output);
  };

  if (!options.at_once) {
    for (bool complete = false; !complete;) {
      complete = true;
      const std::size_t round = statistics.complete();
      for (std::size_t number = 0; number < tiles.size(); ++number) {
        try {
          run_tile(number, tiles[number]);
        } catch (...) {
          if (!statistics.take_stopped()) throw;
          complete = false;
        }
        runtime::return_free_memory();
        if (!options.on_run) continue;
        // At most one round for each normalisation and one more; rounds that complete several go ahead.
        const std::size_t rounds = static_cast<std::size_t>(network.group_norms()) + 1;
        options.on_run(static_cast<int>(round * tiles.size() + number), static_cast<int>(rounds * tiles.size()));
      }
    }
    return;
  }

  FirstError first_error;
  const auto give_up = [&] {
    first_error.keep(std::current_exception());
    statistics.fail();
  };
  {
    std::vector<std::jthread> threads;
    try {
      for (std::size_t number = 0; number < tiles.size(); ++number) {
        threads.emplace_back([&, number] {
          try {
            statistics.begin();
            run_tile(number, tiles[number]);
            statistics.end();
          } catch (...) {
            give_up();
          }
        });
      }
    } catch (...) {
      give_up();  // a thread could not be started: those that were would wait for it
    }
  }
  first_error.rethrow();
}

}  // namespace diffbir
