#pragma once

#include <napi.h>

namespace diffbir {

/// The `Primitives` of src/native/primitives.ts: single operations of the pipeline for the golden runner and the tests.
/// Each checks its arguments and throws JavaScript Errors with a code.
Napi::Object make_primitives(Napi::Env env);

// One room's operations each, added to the same object.
void add_rng_primitives(Napi::Object primitives);
void add_imaging_primitives(Napi::Object primitives);
void add_degradation_primitives(Napi::Object primitives);
void add_metrics_primitives(Napi::Object primitives);
void add_schedule_primitives(Napi::Object primitives);
void add_diffusion_primitives(Napi::Object primitives);
void add_network_primitives(Napi::Object primitives);
void add_tiling_primitives(Napi::Object primitives);
void add_face_primitives(Napi::Object primitives);
void add_kernel_primitives(Napi::Object primitives);
void add_thread_primitives(Napi::Object primitives);
void add_int8_primitives(Napi::Object primitives);

/// Some of its `kernels`.
void add_fused_kernels(Napi::Object kernels);

}  // namespace diffbir
