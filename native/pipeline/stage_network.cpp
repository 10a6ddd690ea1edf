#include "pipeline/stage_network.h"

#include <utility>

#include "pipeline/network_store.h"
#include "pipeline/networks.h"
#include "runtime/environment.h"

namespace diffbir {
namespace {

/// For runs that wait for each other, which no CUDA graph can record.
void prepare_for_tiles(NetworkSpec& spec, runtime::Execution& execution) {
  without_tensorrt(spec, execution);
  spec.optimizations.fusions.separate_tiles = false;
  execution.cuda_graphs = false;
}

}  // namespace

void without_tensorrt(NetworkSpec& spec, runtime::Execution& execution) {
  if (execution.provider != graph::Provider::tensorrt) return;
  execution.provider = graph::Provider::cuda;
  spec.optimizations.fusions = graph::fusions_for(execution.provider);
  if (spec.precision == graph::Precision::float32) spec.optimizations.fusions.keep_nchw();
}

StageNetwork::StageNetwork(NetworkSpec spec, const runtime::NetworkOptions& options, Opening opening)
    : spec_(std::move(spec)), options_(options) {
  options_.token = nullptr;  // of the loading alone
  if (opening == Opening::at_once) {
    network_ = open_network(spec_, options);
  } else {
    NetworkSpec check = spec_;
    check.precision = graph::Precision::float32;  // the same keys and shapes, and nothing to pack
    build_graph(check, {}, options.token);
    runtime::return_free_memory();
  }
}

runtime::Network& StageNetwork::open(CancellationToken& token) {
  if (!network_) {
    NetworkSpec spec = spec_;
    runtime::NetworkOptions options = options_;
    options.token = &token;
    if (tiled_) prepare_for_tiles(spec, options.execution);
    network_ = open_network(spec, options, marks_);
    previous_.reset();
  }
  return *network_;
}

void StageNetwork::set_tiled(bool tiled) {
  if (tiled == tiled_ || options_.execution.on_cpu()) return;
  network_.reset();
  tiled_ = tiled;
}

StageNetwork StageNetwork::in_float32() const {
  StageNetwork other = *this;
  other.spec_.precision = graph::Precision::float32;
  other.spec_.optimizations.fusions.keep_nchw();
  other.network_.reset();
  other.previous_.reset();
  return other;
}

void StageNetwork::set_marks(std::set<std::string> marks) {
  // Packing takes seconds; copies in float32 are too large to be there twice.
  if (spec_.precision == graph::Precision::int8 && network_) previous_ = std::move(network_);
  network_.reset();
  marks_ = std::move(marks);
}

void StageNetwork::close() noexcept {
  release_pages();
  network_.reset();
  previous_.reset();
}

void StageNetwork::release_pages() const noexcept {
  if (network_) network_->release_pages();
}

}  // namespace diffbir
