#include "pipeline/stage_network.h"

#include <utility>

#include "pipeline/network_store.h"
#include "pipeline/networks.h"
#include "runtime/environment.h"

namespace diffbir {

StageNetwork::StageNetwork(NetworkSpec spec, const runtime::NetworkOptions& options, Opening opening)
    : spec_(std::move(spec)), options_(options) {
  options_.token = nullptr;  // of the loading alone
  if (opening == Opening::at_once) {
    network_ = open_network(spec_, options);
  } else {
    build_graph(spec_);
    runtime::return_free_memory();
  }
}

runtime::Network& StageNetwork::open(CancellationToken& token) {
  if (!network_) {
    runtime::NetworkOptions options = options_;
    options.token = &token;
    network_ = open_network(spec_, options, marks_);
  }
  return *network_;
}

void StageNetwork::set_marks(std::set<std::string> marks) {
  network_.reset();
  marks_ = std::move(marks);
}

void StageNetwork::close() noexcept {
  release_pages();
  network_.reset();
}

void StageNetwork::release_pages() const noexcept {
  if (network_) network_->release_pages();
}

}  // namespace diffbir
