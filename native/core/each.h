#pragma once

#include <cstddef>
#include <cstdint>

#include "core/error.h"
#include "core/guarded_device.h"
#include "core/tensor.h"
#ifdef DIFFBIR_CUDA
#include "cuda/each.h"
#endif

/// Work that is written once for the host and for devices: over elements, or over indices. f is a named struct whose
/// members are plain numbers, with `DIFFBIR_HOST_DEVICE float operator()(float...) const`; for devices
/// native/cuda/each.cu names it, too.
namespace diffbir {

namespace detail {

template <typename F, typename... Inputs>
void each_on_host(F f, std::size_t count, float* out, const Inputs*... inputs) {
  // The output may be one of the inputs, but none lies askew over another: the loop vectorises without looking.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC ivdep
#endif
  for (std::size_t i = 0; i < count; ++i) out[i] = f(inputs[i]...);
}

#ifndef DIFFBIR_CUDA
[[noreturn]] inline void no_kernels() { throw Error(ErrorCode::internal, "This build has no kernels for a device"); }
#endif

}  // namespace detail

/// out[i] = f(inputs[i]...) for i < count, all in the memory of `device` (null: the host). On a device the work is
/// queued.
template <typename F, typename... Inputs>
void each_value(Device* device, F f, std::size_t count, float* out, const Inputs*... inputs) {
  if (!device) return detail::each_on_host(f, count, out, inputs...);
  if (const auto access = GuardedDevice::access_to(device)) return detail::each_on_host(f, count, out, inputs...);
#ifdef DIFFBIR_CUDA
  cuda::each(f, device->stream(), count, out, inputs...);
#else
  detail::no_kernels();
#endif
}

/// body(i) for 0 <= i < count, in any order and at once: a named struct of numbers and of pointers into the memory of
/// `device` (null: the host), which no two indices write to at the same place.
template <typename Body>
void for_each_index(Device* device, Body body, std::int64_t count) {
  const auto on_host = [&] {
    for (std::int64_t i = 0; i < count; ++i) body(i);
  };
  if (!device) return on_host();
  if (const auto access = GuardedDevice::access_to(device)) return on_host();
#ifdef DIFFBIR_CUDA
  cuda::for_each_index(body, device->stream(), count);
#else
  detail::no_kernels();
#endif
}

/// out[i] = f(inputs[i]...). All tensors have one size and lie in one memory, else Error(internal); out may be among
/// the inputs.
template <typename F, typename... Inputs>
void each(F f, Tensor& out, const Inputs&... inputs) {
  if (!((inputs.size() == out.size() && inputs.device() == out.device()) && ...)) {
    throw Error(ErrorCode::internal, "Expected tensors of " + to_string(out.shape()) + " in one memory");
  }
  each_value(out.device().get(), f, out.size(), out.data(), inputs.data()...);
}

/// The same into a new tensor like the first.
template <typename F, typename... Inputs>
Tensor map(F f, const Tensor& first, const Inputs&... inputs) {
  Tensor out = zeros_like(first);
  each(f, out, first, inputs...);
  return out;
}

}  // namespace diffbir
