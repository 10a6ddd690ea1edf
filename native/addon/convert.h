#pragma once

#include <napi.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/image.h"
#include "core/tensor.h"
#include "diffusion/sampler.h"
#include "diffusion/schedule.h"
#include "pipeline/model.h"
#include "weights/weight_table.h"

/// Values across the door between JavaScript and C++. Whatever JavaScript passes, a wrong type, range or length ends in
/// Error(internal) with "Expected <what> for <name> but received <value> of type <type>": these values were validated
/// in `src/`, so a mismatch here is our own mistake, and never a crash. All of this runs on the JavaScript thread.
namespace diffbir {

/// Integers of at most this magnitude are exact in a JavaScript number.
inline constexpr std::int64_t kMaxSafeInteger = (std::int64_t{1} << 53) - 1;

/// Throws the Error(internal) above.
[[noreturn]] void refuse(const Napi::Value& value, const std::string& name, const std::string& expected);

// JavaScript to C++. `name` is how messages call the value.
Napi::Object to_object(Napi::Value value, const std::string& name);
Napi::Array to_array(Napi::Value value, const std::string& name);
Napi::Function to_function(Napi::Value value, const std::string& name);
bool to_boolean(Napi::Value value, const std::string& name);
std::string to_text(Napi::Value value, const std::string& name);
/// Any number, NaN and infinities included.
double to_number(Napi::Value value, const std::string& name);
/// A number without fraction in [low, high].
std::int64_t to_integer(Napi::Value value, const std::string& name, std::int64_t low, std::int64_t high);
/// A bigint in [0, 2^64) or in [-2^63, 2^63).
std::uint64_t to_uint64(Napi::Value value, const std::string& name);
std::int64_t to_int64(Napi::Value value, const std::string& name);

Shape to_shape(Napi::Value value, const std::string& name);
std::vector<float> to_floats(Napi::Value value, const std::string& name);         // Float32Array, copied
std::vector<double> to_doubles(Napi::Value value, const std::string& name);       // Float64Array, copied
std::vector<std::int32_t> to_int32s(Napi::Value value, const std::string& name);  // Int32Array, copied
std::vector<std::uint8_t> to_bytes(Napi::Value value, const std::string& name);   // Uint8Array, copied
Tensor to_tensor(Napi::Value value, const std::string& name);                     // NativeTensor
std::vector<Tensor> to_tensors(Napi::Value value, const std::string& name);       // NativeTensor[]
Image to_image(Napi::Value value, const std::string& name);                       // NativeImage
EdmOptions to_edm_options(Napi::Value value, const std::string& name);            // EdmSpec
ScheduleConfig to_schedule_config(Napi::Value value, const std::string& name);    // ScheduleSpec
/// Maps the file: also throws what WeightTable throws.
std::shared_ptr<const WeightTable> to_weight_table(Napi::Value value, const std::string& name);
graph::Precision to_precision(Napi::Value value, const std::string& name);
graph::Provider to_provider(Napi::Value value, const std::string& name);
runtime::Execution to_execution(Napi::Value value, const std::string& name);  // ExecutionSpec
/// Built as is fastest for the provider, unless the spec names its optimizations.
NetworkSpec to_network_spec(Napi::Value value, const std::string& name,
                            graph::Provider provider = graph::Provider::cpu);

/// Names of the optimizations with which a provider's networks are built (graph::fusions_for).
std::vector<std::string> optimization_names(graph::Provider provider);
ModelSpec to_model_spec(Napi::Value value, const std::string& name);

/// The member `key` of an object, named "name.key" in messages, converted by one of the functions above:
/// `field(job, "job", "steps", to_number)`, `field(job, "job", "steps", to_integer, 1, 1000)`.
template <typename Convert, typename... Limits>
auto field(const Napi::Object& object, const std::string& name, const char* key, Convert convert, Limits... limits) {
  return convert(object.Get(key), name + "." + key, limits...);
}

// C++ to JavaScript. Numbers are copied into memory that JavaScript owns.
Napi::Value from_floats(Napi::Env env, const std::vector<float>& values);         // Float32Array
Napi::Value from_doubles(Napi::Env env, const std::vector<double>& values);       // Float64Array
Napi::Value from_int32s(Napi::Env env, const std::vector<std::int32_t>& values);  // Int32Array
Napi::Value from_int64s(Napi::Env env, const std::vector<std::int64_t>& values);  // BigInt64Array
Napi::Value from_bytes(Napi::Env env, const std::vector<std::uint8_t>& values);   // Uint8Array
Napi::Object from_tensor(Napi::Env env, const Tensor& tensor);                    // NativeTensor
Napi::Object from_image(Napi::Env env, const Image& image);                       // NativeImage

/// A caught exception in the words that JavaScript gets; may be made on any thread and kept.
struct Failure {
  ErrorCode code = ErrorCode::internal;
  std::string message = {};  // empty for the usual words: where memory is short there is none for others
};

/// Error keeps its code, Ort::Exception has that of runtime::code_of(), std::bad_alloc is out_of_memory, anything else
/// internal.
Failure describe(const std::exception_ptr& exception) noexcept;

/// A JavaScript Error with `.code` set to to_string(failure.code).
Napi::Error to_js_error(Napi::Env env, const Failure& failure);

/// Runs `body` and turns every C++ exception into the JavaScript Error above. JavaScript's own exceptions (thrown by a
/// callback or a getter) pass as they are.
template <typename Body>
auto guarded(Napi::Env env, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_js_error(env, describe(std::current_exception()));
  }
}

/// Sets object[name] to a function that runs `body(const Napi::CallbackInfo&) -> Napi::Value` guarded.
template <typename Body>
void set_function(Napi::Object object, const char* name, Body body) {
  const auto call = [body](const Napi::CallbackInfo& info) -> Napi::Value {
    return guarded(info.Env(), [&]() -> Napi::Value { return body(info); });
  };
  object.Set(name, Napi::Function::New(object.Env(), call, name));
}

/// The same for a plain function, which may share its name with the C++ function it calls.
inline void set_function(Napi::Object object, const char* name, Napi::Value (*body)(const Napi::CallbackInfo&)) {
  set_function<Napi::Value (*)(const Napi::CallbackInfo&)>(object, name, body);
}

}  // namespace diffbir
