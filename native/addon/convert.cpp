#include "addon/convert.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <new>

#include "runtime/ort_error.h"

namespace diffbir {

namespace {

constexpr std::uint32_t kMaxRank = 8;

/// Never calls into JavaScript: the value may be a proxy or an object with a hostile toString.
std::string describe_value(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return std::string(value.As<Napi::Boolean>() ? "true" : "false") + " of type boolean";
    case napi_number:
      return std::to_string(value.As<Napi::Number>().DoubleValue()) + " of type number";
    case napi_string:
      return "'" + value.As<Napi::String>().Utf8Value().substr(0, 80) + "' of type string";
    case napi_symbol:
      return "a value of type symbol";
    case napi_function:
      return "a value of type function";
    case napi_bigint:
      return "a value of type bigint";
    default:
      return value.IsArray() ? "an array" : "a value of type object";
  }
}

const char* usual_words(ErrorCode code) {
  switch (code) {
    case ErrorCode::out_of_memory:
      return "Not enough memory";
    case ErrorCode::aborted:
      return "The operation was aborted";
    case ErrorCode::disposed:
      return "The model was disposed";
    default:
      return "Unknown error in native code";
  }
}

template <typename Number>
std::vector<Number> copy_typed_array(const Napi::Value& value, const std::string& name, napi_typedarray_type type,
                                     const char* expected) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) refuse(value, name, expected);
  const auto array = value.As<Napi::TypedArrayOf<Number>>();
  const std::size_t length = array.ElementLength();
  return length == 0 ? std::vector<Number>() : std::vector<Number>(array.Data(), array.Data() + length);
}

template <typename Array, typename Number>
Array make_typed_array(Napi::Env env, const std::vector<Number>& values) {
  Array array = Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(Number));
  return array;
}

}  // namespace

void refuse(const Napi::Value& value, const std::string& name, const std::string& expected) {
  throw Error(ErrorCode::internal, "Expected " + expected + " for " + name + " but received " + describe_value(value));
}

Napi::Object to_object(Napi::Value value, const std::string& name) {
  if (!value.IsObject()) refuse(value, name, "an object");
  return value.As<Napi::Object>();
}

Napi::Array to_array(Napi::Value value, const std::string& name) {
  if (!value.IsArray()) refuse(value, name, "an array");
  return value.As<Napi::Array>();
}

Napi::Function to_function(Napi::Value value, const std::string& name) {
  if (!value.IsFunction()) refuse(value, name, "a function");
  return value.As<Napi::Function>();
}

bool to_boolean(Napi::Value value, const std::string& name) {
  if (!value.IsBoolean()) refuse(value, name, "a boolean");
  return value.As<Napi::Boolean>();
}

std::string to_text(Napi::Value value, const std::string& name) {
  if (!value.IsString()) refuse(value, name, "a string");
  return value.As<Napi::String>();
}

double to_number(Napi::Value value, const std::string& name) {
  if (!value.IsNumber()) refuse(value, name, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

std::int64_t to_integer(Napi::Value value, const std::string& name, std::int64_t low, std::int64_t high) {
  const auto expected = [&] { return "an integer from " + std::to_string(low) + " to " + std::to_string(high); };
  if (!value.IsNumber()) refuse(value, name, expected());
  const double number = value.As<Napi::Number>().DoubleValue();
  // Every integer of a smaller magnitude is exact in a double, so that the cast below is.
  if (!(std::fabs(number) <= static_cast<double>(kMaxSafeInteger)) || number != std::trunc(number)) {
    refuse(value, name, expected());
  }
  const auto integer = static_cast<std::int64_t>(number);
  if (integer < low || integer > high) refuse(value, name, expected());
  return integer;
}

std::uint64_t to_uint64(Napi::Value value, const std::string& name) {
  if (!value.IsBigInt()) refuse(value, name, "a bigint from 0 to 2^64 - 1");
  bool lossless = false;
  const std::uint64_t number = value.As<Napi::BigInt>().Uint64Value(&lossless);
  if (!lossless) refuse(value, name, "a bigint from 0 to 2^64 - 1");
  return number;
}

std::int64_t to_int64(Napi::Value value, const std::string& name) {
  if (!value.IsBigInt()) refuse(value, name, "a bigint from -2^63 to 2^63 - 1");
  bool lossless = false;
  const std::int64_t number = value.As<Napi::BigInt>().Int64Value(&lossless);
  if (!lossless) refuse(value, name, "a bigint from -2^63 to 2^63 - 1");
  return number;
}

Shape to_shape(Napi::Value value, const std::string& name) {
  const Napi::Array array = to_array(value, name);
  if (array.Length() > kMaxRank) refuse(value, name, "at most " + std::to_string(kMaxRank) + " axes");
  Shape shape;
  for (std::uint32_t axis = 0; axis < array.Length(); ++axis) {
    shape.push_back(to_integer(array.Get(axis), name + "[" + std::to_string(axis) + "]", 0, kMaxSafeInteger));
  }
  return shape;
}

std::vector<float> to_floats(Napi::Value value, const std::string& name) {
  return copy_typed_array<float>(value, name, napi_float32_array, "a Float32Array");
}

std::vector<double> to_doubles(Napi::Value value, const std::string& name) {
  return copy_typed_array<double>(value, name, napi_float64_array, "a Float64Array");
}

std::vector<std::int32_t> to_int32s(Napi::Value value, const std::string& name) {
  return copy_typed_array<std::int32_t>(value, name, napi_int32_array, "an Int32Array");
}

std::vector<std::uint8_t> to_bytes(Napi::Value value, const std::string& name) {
  return copy_typed_array<std::uint8_t>(value, name, napi_uint8_array, "a Uint8Array");
}

Tensor to_tensor(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  Shape shape = field(object, name, "shape", to_shape);
  std::vector<float> values = field(object, name, "data", to_floats);
  if (values.size() != element_count(shape)) {
    throw Error(ErrorCode::internal, "Expected " + to_string(shape) + " values for " + name + ".data but received " +
                                         std::to_string(values.size()));
  }
  return Tensor(std::move(shape), std::move(values));
}

std::vector<Tensor> to_tensors(Napi::Value value, const std::string& name) {
  const Napi::Array array = to_array(value, name);
  std::vector<Tensor> tensors;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    tensors.push_back(to_tensor(array.Get(i), name + "[" + std::to_string(i) + "]"));
  }
  return tensors;
}

Image to_image(Napi::Value value, const std::string& name) {
  constexpr std::int64_t kMaxSide = std::numeric_limits<std::int32_t>::max();
  const Napi::Object object = to_object(value, name);
  Image image;
  image.width = field(object, name, "width", to_integer, 1, kMaxSide);
  image.height = field(object, name, "height", to_integer, 1, kMaxSide);
  image.rgb = field(object, name, "data", to_bytes);
  const std::size_t expected = element_count({image.height, image.width, 3});
  if (image.rgb.size() != expected) {
    throw Error(ErrorCode::internal, "Expected " + std::to_string(expected) + " bytes for " + name +
                                         ".data but received " + std::to_string(image.rgb.size()));
  }
  return image;
}

Napi::Value from_floats(Napi::Env env, const std::vector<float>& values) {
  return make_typed_array<Napi::Float32Array>(env, values);
}

Napi::Value from_doubles(Napi::Env env, const std::vector<double>& values) {
  return make_typed_array<Napi::Float64Array>(env, values);
}

Napi::Value from_int32s(Napi::Env env, const std::vector<std::int32_t>& values) {
  return make_typed_array<Napi::Int32Array>(env, values);
}

Napi::Value from_int64s(Napi::Env env, const std::vector<std::int64_t>& values) {
  return make_typed_array<Napi::BigInt64Array>(env, values);
}

Napi::Value from_bytes(Napi::Env env, const std::vector<std::uint8_t>& values) {
  return make_typed_array<Napi::Uint8Array>(env, values);
}

Napi::Object from_tensor(Napi::Env env, const Tensor& tensor) {
  Napi::Array shape = Napi::Array::New(env, tensor.shape().size());
  for (std::uint32_t axis = 0; axis < tensor.shape().size(); ++axis) {
    shape.Set(axis, Napi::Number::New(env, static_cast<double>(tensor.shape()[axis])));
  }
  Napi::Float32Array data = Napi::Float32Array::New(env, tensor.size());
  if (!tensor.empty()) std::memcpy(data.Data(), tensor.data(), tensor.size() * sizeof(float));
  Napi::Object object = Napi::Object::New(env);
  object.Set("shape", shape);
  object.Set("data", data);
  return object;
}

Napi::Object from_image(Napi::Env env, const Image& image) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("width", Napi::Number::New(env, static_cast<double>(image.width)));
  object.Set("height", Napi::Number::New(env, static_cast<double>(image.height)));
  object.Set("data", from_bytes(env, image.rgb));
  return object;
}

Failure describe(const std::exception_ptr& exception) noexcept try {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const Ort::Exception& error) {
    return {runtime::code_of(error), std::string("ONNX Runtime failed: ") + error.what()};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::out_of_memory};
  } catch (const std::exception& error) {
    return {ErrorCode::internal, error.what()};
  } catch (...) {
    return {ErrorCode::internal};
  }
} catch (const std::exception&) {
  return {ErrorCode::out_of_memory};  // not even enough for the words
}

Napi::Error to_js_error(Napi::Env env, const Failure& failure) {
  const char* message = failure.message.empty() ? usual_words(failure.code) : failure.message.c_str();
  Napi::Error error = Napi::Error::New(env, message);
  error.Value().Set("code", to_string(failure.code));
  return error;
}

}  // namespace diffbir
