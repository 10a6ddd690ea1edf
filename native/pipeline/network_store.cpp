#include "pipeline/network_store.h"

#include <algorithm>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>

#include "pipeline/networks.h"

namespace diffbir {
namespace {

/// Everything that a network depends on. Tables are one where files are (WeightTable::open), and a network keeps its
/// own alive.
struct NetworkKey {
  const WeightTable* weights;
  std::string type;
  std::string prefix;
  NetworkConfig config;
  Optimizations optimizations;
  graph::Precision precision;
  std::set<std::string> marks;
  int threads;
  runtime::Execution execution;
  const Device* device;  // whose stream it has; a network keeps it alive

  bool operator==(const NetworkKey&) const = default;
};

class NetworkStore {
 public:
  std::shared_ptr<runtime::Network> open(const NetworkSpec& spec, const runtime::NetworkOptions& options,
                                         const std::set<std::string>& marks) {
    const NetworkKey key{spec.weights.get(), spec.type, spec.prefix,     spec.config,       spec.optimizations,
                         spec.precision,     marks,     options.threads, options.execution, options.device.get()};
    // Made before the lock and gone after it: a token that is being cancelled holds its own lock around this.
    std::optional<CancellationToken::Registration> registration;
    if (options.token) {
      registration.emplace(*options.token, [this] {
        const std::lock_guard lock(mutex_);
        changed_.notify_all();
      });
    }
    std::unique_lock lock(mutex_);
    for (;;) {
      if (options.token) options.token->check();
      drop_closed();
      const auto found = std::ranges::find(entries_, key, &Entry::key);
      if (found == entries_.end()) break;
      if (auto network = found->network.lock()) return network;
      changed_.wait(lock);  // for the thread that builds it
    }
    const auto entry = entries_.insert(entries_.end(), {.key = key});
    lock.unlock();
    std::shared_ptr<runtime::Network> network;
    try {
      network = std::make_shared<runtime::Network>(build_network(spec, options, marks));
    } catch (...) {
      lock.lock();
      entries_.erase(entry);
      changed_.notify_all();
      throw;
    }
    lock.lock();
    entry->is_built = true;
    entry->network = network;
    changed_.notify_all();
    return network;
  }

  std::size_t size() {
    const std::lock_guard lock(mutex_);
    drop_closed();
    return static_cast<std::size_t>(std::ranges::count_if(entries_, &Entry::is_built));
  }

 private:
  struct Entry {
    NetworkKey key;
    bool is_built = false;
    std::weak_ptr<runtime::Network> network = {};
  };

  void drop_closed() {
    entries_.remove_if([](const Entry& entry) { return entry.is_built && entry.network.expired(); });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Entry> entries_;
};

/// Never destroyed: a worker may still open a model when the process ends.
NetworkStore& store() {
  static auto& store = *new NetworkStore;
  return store;
}

}  // namespace

std::shared_ptr<runtime::Network> open_network(const NetworkSpec& spec, const runtime::NetworkOptions& options,
                                               const std::set<std::string>& marks) {
  return store().open(spec, options, marks);
}

std::size_t open_networks() { return store().size(); }

}  // namespace diffbir
