#pragma once

#include <string>
#include <vector>

#include "graph/builder.h"

namespace diffbir::graph {

/// Whether it is an operator, of com.microsoft or ours, that the CUDA provider has and the CPU provider has not.
bool is_defined(const std::string& type, const std::vector<Value>& inputs, const std::string& domain);

/// What such an operator computes, in operators that the CPU provider has: its outputs. Tests run it where there is no
/// GPU; what the builder makes for the operator, packed weights, layouts and attributes, is then what they run.
std::vector<Value> definition(Builder& b, const std::string& type, const std::vector<Value>& inputs,
                              const std::vector<Builder::Attribute>& attributes);

}  // namespace diffbir::graph
