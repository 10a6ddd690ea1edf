#pragma once

#include <cstddef>
#include <memory>
#include <set>
#include <string>

#include "pipeline/model.h"
#include "runtime/network.h"

namespace diffbir {

/// The network that build_network() would build: the one that is open in this process, or a new one. Two threads that
/// ask at once get one, built by the first; when that fails or is cancelled the next one builds it itself. It is closed
/// when its last owner lets go. May be called on any thread.
/// Throws what build_network() throws, and Error(aborted) when the token of the options is cancelled while it waits.
std::shared_ptr<runtime::Network> open_network(const NetworkSpec& spec, const runtime::NetworkOptions& options,
                                               const std::set<std::string>& marks = {});

/// How many networks are open in this process.
std::size_t open_networks();

}  // namespace diffbir
