#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>

#include "weights/weight_table.h"

namespace diffbir::graph {

/// The parameters of one torch module: a checkpoint seen through a key prefix. `unet["input_blocks"][1]["0"]` is what
/// `unet.input_blocks[1][0]` is in the reference, so that networks read like their PyTorch definitions.
class Module {
 public:
  /// The root of a network: everything below `prefix`, which may be empty.
  Module(std::shared_ptr<const WeightTable> table, std::string prefix)
      : table_(std::move(table)), prefix_(std::move(prefix)), root_length_(prefix_.size()) {}

  Module operator[](const std::string& child) const {
    Module module = *this;
    module.prefix_ += child + '.';
    return module;
  }
  Module operator[](const char* child) const { return (*this)[std::string(child)]; }
  Module operator[](std::integral auto index) const { return (*this)[std::to_string(index)]; }

  /// Whether the module has a parameter of this name itself or, for a dotted name, in a child.
  bool has(const std::string& name) const { return table_->find(prefix_ + name).has_value(); }

  /// Throws Error(model_mismatch) that names key and file when the parameter is missing.
  WeightView parameter(const std::string& name) const;

  /// Size of a parameter along one axis: this is where widths, depths and context sizes come from.
  std::int64_t size(const std::string& name, std::size_t axis) const;

  /// Where the module stands in its network: "input_blocks.1.0"; empty for the root.
  std::string path() const {
    return prefix_.size() == root_length_ ? "" : prefix_.substr(root_length_, prefix_.size() - root_length_ - 1);
  }

  /// Full key of a parameter in the file.
  std::string key(const std::string& name) const { return prefix_ + name; }
  const std::string& file() const { return table_->file(); }
  const std::shared_ptr<const WeightTable>& table() const { return table_; }

 private:
  std::shared_ptr<const WeightTable> table_;
  std::string prefix_;
  std::size_t root_length_;
};

}  // namespace diffbir::graph
