// What the tests call: `primitives.rehearsal` of the addon that is linked with this folder.
#include <napi.h>

#include "addon/convert.h"
#include "rehearsal/operators.h"
#include "rehearsal/state.h"

namespace diffbir::rehearsal {

// The linker leads the call of make_primitives() in addon.cpp here, by its mangled name.
Napi::Object real_make_primitives(Napi::Env env) __asm__("__real__ZN7diffbir15make_primitivesEN4Napi3EnvE");
Napi::Object wrap_make_primitives(Napi::Env env) __asm__("__wrap__ZN7diffbir15make_primitivesEN4Napi3EnvE");

namespace {

/// begin(devices, bytesEach, failsAt, computes)
Napi::Value begin(const Napi::CallbackInfo& info) {
  const auto count = [&](std::size_t index, const char* name) {
    return to_integer(info[index], name, 0, kMaxSafeInteger);
  };
  rehearsal_begin(static_cast<int>(count(0, "devices")), static_cast<std::uint64_t>(count(1, "bytesEach")),
                  static_cast<std::uint64_t>(count(2, "failsAt")), info[3].ToBoolean());
  return info.Env().Undefined();
}

/// moveOperators(moves)
Napi::Value move(const Napi::CallbackInfo& info) {
  move_operators(info[0].ToBoolean());
  return info.Env().Undefined();
}

Napi::Value report(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), rehearsal_report()); }

}  // namespace

Napi::Object wrap_make_primitives(Napi::Env env) {
  Napi::Object primitives = real_make_primitives(env);
  Napi::Object door = Napi::Object::New(env);
  set_function(door, "begin", begin);
  set_function(door, "moveOperators", move);
  set_function(door, "report", report);
  primitives.Set("rehearsal", door);
  return primitives;
}

}  // namespace diffbir::rehearsal
