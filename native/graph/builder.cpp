#include "graph/builder.h"

#include <algorithm>
#include <span>

#include "core/error.h"
#include "core/half.h"
#include "graph/definitions.h"
#include "graph/gradient.h"

namespace diffbir::graph {
namespace {

// ONNX Runtime wants smaller initialisers inside the graph, where its shape inference reads them.
constexpr std::size_t smallest_external_bytes = 128;

constexpr int onnx_opset = 21;

// onnx.TensorProto.DataType
constexpr std::int64_t onnx_float32 = 1;
constexpr std::int64_t onnx_float16 = 10;
constexpr std::size_t map_axes = 4;

// Smaller layers, such as the first and the last convolution of a UNet, cost no time worth an error.
constexpr std::int64_t smallest_int8_side = 32;

Ort::MemoryInfo cpu_memory() { return Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault); }

Ort::ValueInfo port(const std::string& name, ONNXTensorElementDataType type, const Shape& shape) {
  std::vector<std::string> free_axes;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    free_axes.push_back(shape[axis] < 0 ? name + "_" + std::to_string(axis) : "");
  }
  const Ort::TensorTypeAndShapeInfo tensor(type, shape, &free_axes);
  const Ort::TypeInfo info = Ort::TypeInfo::CreateTensorInfo(tensor.GetConst());
  return Ort::ValueInfo(name, info.GetConst());
}

Ort::OpAttr attribute(const Builder::Attribute& attribute) {
  const auto& [name, value] = attribute;
  if (const auto* i = std::get_if<std::int64_t>(&value)) return Ort::OpAttr(name.c_str(), i, 1, ORT_OP_ATTR_INT);
  if (const auto* f = std::get_if<float>(&value)) return Ort::OpAttr(name.c_str(), f, 1, ORT_OP_ATTR_FLOAT);
  if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value)) {
    return Ort::OpAttr(name.c_str(), list->data(), static_cast<int>(list->size()), ORT_OP_ATTR_INTS);
  }
  const auto& text = std::get<std::string>(value);
  return Ort::OpAttr(name.c_str(), text.data(), static_cast<int>(text.size()), ORT_OP_ATTR_STRING);
}

/// A tensor that owns a copy of the values, until ONNX Runtime has packed it its own way.
template <typename T>
Ort::Value owned_tensor(const Shape& shape, std::span<const T> values) {
  Ort::AllocatorWithDefaultOptions allocator;
  auto tensor = Ort::Value::CreateTensor<T>(allocator, shape.data(), shape.size());
  std::copy(values.begin(), values.end(), tensor.template GetTensorMutableData<T>());
  return tensor;
}

/// What an operator's outputs consist of: with few exceptions the same as its first input.
Element output_element(const std::string& type, const std::vector<Value>& inputs,
                       const std::vector<Builder::Attribute>& attributes) {
  if (type == "Shape") return Element::integer;
  if (type != "Cast") return inputs.front().element;
  return std::get<std::int64_t>(attributes.front().second) == onnx_float16 ? Element::working : Element::float32;
}

bool fits(const Shape& actual, const Shape& expected) {
  return std::equal(actual.begin(), actual.end(), expected.begin(), expected.end(),
                    [](std::int64_t a, std::int64_t e) { return e < 0 || a == e; });
}

}  // namespace

Builder::Builder(BuildOptions options) : options_(std::move(options)) {}

Builder::~Builder() = default;

// ---- ports ----

Value Builder::input(const std::string& name, const Shape& shape, Element element) {
  inputs_.push_back(port(name, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, shape));
  input_names_.push_back(name);
  const Value x{name, Element::float32};
  return element == Element::working ? to_working(x) : x;
}

Value Builder::input_ids(const std::string& name, const Shape& shape) {
  inputs_.push_back(port(name, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, shape));
  input_names_.push_back(name);
  return {name, Element::integer};
}

void Builder::tile_ticket() {
  inputs_.push_back(port("tile", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, {1}));
  input_names_.push_back("tile");
  if (!options_.fusions.separate_tiles) tile_ticket_ = Value{"tile"};
}

void Builder::paired() {
  if (options_.precision != Precision::int8) return;
  inputs_.push_back(port("paired", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, {1}));
  input_names_.push_back("paired");
  pairs_ = Value{"paired"};
}

void Builder::output(const std::string& name, const Value& x, std::size_t rank) {
  // A feature map is transposed first, in the smaller type.
  const Value y = is_float16(x.element) ? op("Cast", {x}, {{"to", onnx_float32}}) : x;
  add_output(name, y, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, rank);
}

void Builder::add_output(const std::string& name, const Value& x, ONNXTensorElementDataType type, std::size_t rank) {
  settle(x);
  Ort::Node identity("Identity", "", fresh_name("output"), {x.name}, {name});
  graph_.AddNode(identity);
  outputs_.push_back(port(name, type, Shape(rank, -1)));
  output_names_.push_back(name);
}

Value Builder::map_input(const std::string& name) {
  if (!has_half_maps()) return feature_map(input(name, Shape(map_axes, -1)));
  inputs_.push_back(port(name, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, Shape(map_axes, -1)));
  input_names_.push_back(name);
  half_inputs_.insert(name);
  return from_nhwc({name, Element::working});
}

void Builder::map_output(const std::string& name, const Value& x) {
  if (!has_half_maps()) return output(name, x, map_axes);
  add_output(name, to_nhwc(x), ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, map_axes);
}

Value Builder::mark(const Module& m, const Value& x, std::size_t rank) {
  if (is_marked(m)) output(m.path(), x, rank);
  return x;
}

Graph Builder::finish() {
  graph_.SetInputs(inputs_);
  graph_.SetOutputs(outputs_);
  Graph graph;
  graph.model = Ort::Model({{"", onnx_opset}, {"com.microsoft", 1}, {"diffbir", 1}});
  graph.model.AddGraph(graph_);
  graph.inputs = std::move(input_names_);
  graph.outputs = std::move(output_names_);
  graph.half_inputs = std::move(half_inputs_);
  graph.initializers = std::move(initializers_);
  graph.weights = std::move(weights_);
  graph.int8_weights = std::move(int8_weights_);
  graph.group_norms = group_norms_;
  graph.nodes = std::move(nodes_);
  return graph;
}

// ---- parameters and constants ----

WeightView Builder::checked(const Module& m, const std::string& name, const Shape& shape) {
  if (options_.token) options_.token->check();
  const WeightView view = m.parameter(name);
  if (!fits(view.shape, shape)) {
    throw Error(ErrorCode::model_mismatch, "Expected " + m.key(name) + " in " + m.file() + " to have the shape " +
                                               to_string(shape) + " but it is " + to_string(view.shape));
  }
  if (weights_.empty() || weights_.back() != m.table()) {
    m.table()->require_whole();
    weights_.push_back(m.table());
  }
  return view;
}

std::string Builder::parameter_name(const std::string& key, Element element) const {
  return key + (options_.precision == Precision::float16 && !is_float16(element) ? ".float32" : "");
}

Value Builder::parameter(const Module& m, const std::string& name, const Shape& shape, Element element) {
  const bool halves = is_float16(element);
  const std::string key = parameter_name(m.key(name), element);
  const WeightView view = checked(m, name, shape);
  if (!parameters_.insert(key).second) return {key, element};

  const std::size_t count = element_count(view.shape);
  const auto type = halves ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  if (view.dtype == (halves ? DType::float16 : DType::float32) && view.contiguous() && view.aligned()) {
    // The C API takes a mutable pointer; nothing writes through it.
    auto* data = const_cast<std::byte*>(view.data);
    add_initializer(key, Ort::Value::CreateTensor(cpu_memory(), data, count * size_of(view.dtype), view.shape.data(),
                                                  view.shape.size(), type));
  } else {
    Ort::AllocatorWithDefaultOptions allocator;
    auto tensor = Ort::Value::CreateTensor(allocator, view.shape.data(), view.shape.size(), type);
    if (halves) {
      view.to_float16({static_cast<std::uint16_t*>(tensor.GetTensorMutableRawData()), count}, options_.threads);
    } else {
      view.to_float32({tensor.GetTensorMutableData<float>(), count}, options_.threads);
    }
    add_initializer(key, std::move(tensor));
  }
  return {key, element};
}

bool Builder::is_int8(const Module& m, const std::string& weight) const {
  return options_.precision == Precision::int8 && !tape_ && m.size(weight, 0) >= smallest_int8_side &&
         m.size(weight, 1) >= smallest_int8_side;
}

std::vector<Value> Builder::int8_inputs(const Value& x, const Value* bias) const {
  std::vector<Value> inputs{x};
  if (bias || paired_) inputs.push_back(bias ? *bias : Value{""});
  if (paired_) inputs.push_back(*paired_);
  return inputs;
}

std::vector<Builder::Attribute> Builder::int8_parameter(const Module& m, const std::string& name, const Shape& shape) {
  checked(m, name, shape);
  int8_weights_.push_back(m.table()->int8_weights(m.key(name), options_.threads));
  return {{"weights", static_cast<std::int64_t>(int8_weights_.size() - 1)},
          {"portable", std::int64_t{!options_.fusions.vector_kernels}}};
}

Value Builder::constant(const Tensor& values, Element element) {
  const std::string name = fresh_name("constant");
  add_constant(name, values, element);
  return {name, element};
}

void Builder::add_constant(const std::string& name, const Tensor& values, Element element) {
  if (is_float16(element)) {
    std::vector<Ort::Float16_t> halves;
    for (const float value : values.values()) halves.push_back(Ort::Float16_t::FromBits(float_to_half(value)));
    add_initializer(name, owned_tensor<Ort::Float16_t>(values.shape(), halves));
  } else {
    add_initializer(name, owned_tensor<float>(values.shape(), values.values()));
  }
}

Value Builder::integers(const std::vector<std::int64_t>& values) {
  const std::string name = fresh_name("constant");
  add_initializer(name, owned_tensor<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
  return {name, Element::integer};
}

Value Builder::integer(std::int64_t value) {
  const std::string name = fresh_name("constant");
  add_initializer(name, owned_tensor<std::int64_t>({}, std::span<const std::int64_t>(&value, 1)));
  return {name, Element::integer};
}

void Builder::add_initializer(const std::string& name, Ort::Value tensor) {
  const std::size_t bytes = tensor.GetTensorSizeInBytes();
  const bool is_external = bytes >= smallest_external_bytes;
  if (is_external) {
    const auto info = tensor.GetTensorTypeAndShapeInfo();
    initializers_.push_back({name, tensor.GetTensorRawData(), bytes, info.GetShape(), info.GetElementType()});
  }
  graph_.AddInitializer(name, tensor, is_external);
}

// ---- precision ----

Value Builder::to_float32(const Value& x) {
  if (!is_float16(x.element)) return x;
  return pointwise(x, [&](const Value& v) { return op("Cast", {v}, {{"to", onnx_float32}}); });
}

Value Builder::to_working(const Value& x) {
  if (x.element != Element::float32) return x;
  if (!is_float16(Element::working)) return {x.name};
  return pointwise(x, [&](const Value& v) { return op("Cast", {v}, {{"to", onnx_float16}}); });
}

// ---- gradients ----

void Builder::record_gradients() { tape_ = std::make_unique<Tape>(); }

Value Builder::recorded(const Value& output, std::vector<Value> inputs, PullBack pull_back) {
  if (tape_) tape_->record(output, std::move(inputs), std::move(pull_back));
  return output;
}

Value Builder::gradient(const Value& output, const Value& seed, const Value& input) {
  const auto tape = std::move(tape_);  // the gradient's own layers are on no tape
  if (!tape) throw Error(ErrorCode::internal, "Expected record_gradients() before gradient()");
  return tape->gradient(*this, output, seed, input);
}

// ---- anything else ----

std::string Builder::fresh_name(const std::string& stem) { return stem + "_" + std::to_string(next_name_++); }

std::vector<Value> Builder::fresh_values(const std::string& stem, std::size_t count, Element element) {
  std::vector<Value> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back({fresh_name(stem), element});
  return values;
}

void Builder::add_node(const std::string& type, const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                       const std::vector<Attribute>& attributes, const std::string& domain) {
  for (const Value& input : inputs) settle(input);
  const bool is_kept = options_.own_kernels && domain == "diffbir";
  if (options_.definitions && !is_kept && is_defined(type, inputs, domain)) {
    const auto results = definition(*this, type, inputs, attributes);
    if (results.size() != outputs.size()) {
      throw Error(ErrorCode::internal, "Expected " + std::to_string(results.size()) + " outputs of " + type +
                                           " but received " + std::to_string(outputs.size()));
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i].name.empty()) add_node("Identity", {results[i]}, {outputs[i]}, {}, "");
    }
    return;
  }
  std::vector<std::string> input_names;
  for (const Value& value : inputs) input_names.push_back(value.name);
  std::vector<std::string> output_names;
  for (const Value& value : outputs) {
    const bool is_rounded = options_.rounded && is_float16(value.element) && !value.name.empty();
    output_names.push_back(is_rounded ? fresh_name("Rounded") : value.name);
  }
  std::vector<Ort::OpAttr> ort_attributes;
  for (const Attribute& entry : attributes) ort_attributes.push_back(attribute(entry));
  Ort::Node node(type, domain, fresh_name("node"), input_names, output_names, ort_attributes);
  graph_.AddNode(node);
  // cuDNN adds a convolution's bias in a pass of its own.
  const bool has_pass = type == "NhwcConv" && inputs.size() == 3;
  ++nodes_[(domain.empty() ? type : domain + "." + type) + (has_pass ? " with bias" : "")];
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (output_names[i] == outputs[i].name) continue;
    Ort::Node rounded("Rounded", "diffbir", fresh_name("node"), {output_names[i]}, {outputs[i].name});
    graph_.AddNode(rounded);
  }
}

std::vector<Value> Builder::op_n(const std::string& type, const std::vector<Value>& inputs, std::size_t outputs,
                                 const std::vector<Attribute>& attributes, const std::string& domain) {
  const auto results = fresh_values(type, outputs, output_element(type, inputs, attributes));
  add_node(type, inputs, results, attributes, domain);
  return results;
}

Value Builder::op(const std::string& type, const std::vector<Value>& inputs, const std::vector<Attribute>& attributes,
                  const std::string& domain) {
  return op_n(type, inputs, 1, attributes, domain).front();
}

}  // namespace diffbir::graph
