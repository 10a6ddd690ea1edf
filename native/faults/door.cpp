// What the tests call: `primitives.faults` of the addon that is linked with this folder.
#include <napi.h>

#include <limits>

#include "addon/convert.h"
#include "faults/faults.h"

namespace diffbir::faults {

// The linker leads the call of make_primitives() in addon.cpp here, by its mangled name.
Napi::Object real_make_primitives(Napi::Env env) __asm__("__real__ZN7diffbir15make_primitivesEN4Napi3EnvE");
Napi::Object wrap_make_primitives(Napi::Env env) __asm__("__wrap__ZN7diffbir15make_primitivesEN4Napi3EnvE");

namespace {

std::uint64_t to_count(const Napi::Value& value, const char* name) {
  return static_cast<std::uint64_t>(to_integer(value, name, 1, kMaxSafeInteger));
}

/// arm(site, first, count): count left out for all that follow.
Napi::Value arm_site(const Napi::CallbackInfo& info) {
  const auto site = static_cast<Site>(to_integer(info[0], "site", 0, static_cast<std::int64_t>(sites) - 1));
  const std::uint64_t first = to_count(info[1], "first");
  const std::uint64_t count =
      info[2].IsUndefined() ? std::numeric_limits<std::uint64_t>::max() : to_count(info[2], "count");
  arm(site, first, count);
  return info.Env().Undefined();
}

Napi::Value count_live(const Napi::CallbackInfo& info) {
  Napi::Object counts = Napi::Object::New(info.Env());
  const auto set = [&](const char* name, const std::atomic<std::int64_t>& count) {
    counts.Set(name, Napi::Number::New(info.Env(), static_cast<double>(count)));
  };
  set("allocations", live.allocations);
  set("workBuffers", live.work_buffers);
  set("sessions", live.sessions);
  set("files", live.files);
  set("mappings", live.mappings);
  return counts;
}

}  // namespace

Napi::Object wrap_make_primitives(Napi::Env env) {
  Napi::Object primitives = real_make_primitives(env);
  Napi::Object door = Napi::Object::New(env);
  set_function(door, "arm", arm_site);
  set_function(door, "disarm", [](const Napi::CallbackInfo& info) -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(disarm()));
  });
  set_function(door, "live", count_live);
  primitives.Set("faults", door);
  return primitives;
}

}  // namespace diffbir::faults
