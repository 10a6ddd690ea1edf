#include "graph/module.h"

#include "core/error.h"

namespace diffbir::graph {

WeightView Module::parameter(const std::string& name) const {
  if (auto view = table_->find(key(name))) return *view;
  throw Error(ErrorCode::model_mismatch, "Expected a tensor named " + key(name) + " in " + file() +
                                             " but the file has none: is it a checkpoint of another network?");
}

std::int64_t Module::size(const std::string& name, std::size_t axis) const {
  const WeightView view = parameter(name);
  if (axis < view.shape.size()) return view.shape[axis];
  throw Error(ErrorCode::model_mismatch, "Expected " + key(name) + " in " + file() + " to have more than " +
                                             std::to_string(axis) + " axes but its shape is " + to_string(view.shape));
}

}  // namespace diffbir::graph
