#pragma once

#include <string>
#include <vector>

#include "core/tensor.h"
#include "graph/ort.h"

namespace diffbir::runtime {

/// What is known of a tensor's shape while a graph is built: of each axis its size, or a name where that is free.
struct GraphShape {
  Shape sizes;                     // -1 where it is not known
  std::vector<std::string> names;  // as many; empty for none

  /// Whether each axis has a size or a name. ONNX Runtime cannot be told of another, it would take -1 for a size:
  /// better no shape than a wrong one.
  bool is_known() const;
};

// In the place of Ort::ShapeInferContext, which frees what it does not own when memory runs short.

GraphShape first_input_shape(const OrtShapeInferContext* context);

/// Of the one output.
void set_output_shape(OrtShapeInferContext* context, const GraphShape& shape, ONNXTensorElementDataType type);

}  // namespace diffbir::runtime
