#pragma once

#include <string>

namespace diffbir::runtime {

/// Loads a library that has nothing of its own: the name `name`, by which the system's loader finds it from then on,
/// and the symbols of `target`, which is loaded already under that name. Throws Error(no_device).
void load_empty_library(const std::string& name, const std::string& target);

}  // namespace diffbir::runtime
