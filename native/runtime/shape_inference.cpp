#include "runtime/shape_inference.h"

namespace diffbir::runtime {

bool GraphShape::is_known() const {
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    if (sizes[axis] < 0 && names[axis].empty()) return false;
  }
  return !sizes.empty();
}

GraphShape first_input_shape(const OrtShapeInferContext* context) {
  OrtTensorTypeAndShapeInfo* theirs = nullptr;
  Ort::ThrowOnError(Ort::GetApi().ShapeInferContext_GetInputTypeShape(context, 0, &theirs));
  const Ort::ConstTensorTypeAndShapeInfo info(theirs);
  GraphShape shape{info.GetShape(), {}};
  for (const char* name : info.GetSymbolicDimensions()) shape.names.emplace_back(name != nullptr ? name : "");
  return shape;
}

void set_output_shape(OrtShapeInferContext* context, const GraphShape& shape, ONNXTensorElementDataType type) {
  const Ort::TensorTypeAndShapeInfo info(type, shape.sizes, &shape.names);
  Ort::ThrowOnError(Ort::GetApi().ShapeInferContext_SetOutputTypeShape(context, 0, info));
}

}  // namespace diffbir::runtime
