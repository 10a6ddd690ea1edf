#pragma once

#include <memory>
#include <span>
#include <string>

#include "weights/weight_table.h"

namespace diffbir::runtime {

/// Name of the folder for the engines of networks with these weights: TensorRT knows an engine by the operators of its
/// graph, and would take that of another checkpoint. Another state of a file has another name.
std::string engines_folder(std::span<const std::shared_ptr<const WeightTable>> weights);

}  // namespace diffbir::runtime
