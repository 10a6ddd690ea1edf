#include "addon/devices.h"

#include <cstdint>

#include "cuda/probe.h"

namespace diffbir {

namespace {

Napi::Object from_device(Napi::Env env, const cuda::DeviceFacts& facts) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("index", facts.index);
  object.Set("name", facts.name);
  object.Set("computeCapability", facts.compute_capability);
  object.Set("totalBytes", static_cast<double>(facts.total_bytes));
  object.Set("freeBytes", static_cast<double>(facts.free_bytes));
  object.Set("multiprocessors", facts.multiprocessors);
  object.Set("maxThreadsPerMultiprocessor", facts.max_threads_per_multiprocessor);
  return object;
}

Napi::Object from_error(Napi::Env env, const cuda::ProbeError& error) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("code", error.code);
  object.Set("name", error.name);
  object.Set("message", error.message);
  return object;
}

}  // namespace

Napi::Value devices(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const cuda::Probe probe = cuda::probe();
  Napi::Object result = Napi::Object::New(env);
  result.Set("built", probe.built);
  Napi::Array architectures = Napi::Array::New(env);
  for (const std::string& name : probe.architectures) architectures.Set(architectures.Length(), name);
  result.Set("architectures", architectures);
  if (probe.runtime_version) result.Set("runtimeVersion", *probe.runtime_version);
  if (probe.driver_version) result.Set("driverVersion", *probe.driver_version);
  if (probe.error) result.Set("error", from_error(env, *probe.error));
  Napi::Array found = Napi::Array::New(env);
  for (const cuda::DeviceFacts& facts : probe.devices) found.Set(found.Length(), from_device(env, facts));
  result.Set("devices", found);
  return result;
}

}  // namespace diffbir
