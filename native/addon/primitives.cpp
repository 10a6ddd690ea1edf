#include "addon/primitives.h"

namespace diffbir {

Napi::Object make_primitives(Napi::Env env) {
  Napi::Object primitives = Napi::Object::New(env);
  add_rng_primitives(primitives);
  add_imaging_primitives(primitives);
  add_degradation_primitives(primitives);
  add_metrics_primitives(primitives);
  add_schedule_primitives(primitives);
  add_diffusion_primitives(primitives);
  add_network_primitives(primitives);
  add_tiling_primitives(primitives);
  add_face_primitives(primitives);
  add_kernel_primitives(primitives);
  add_int8_primitives(primitives);
  add_thread_primitives(primitives);
  return primitives;
}

}  // namespace diffbir
