#include "runtime/environment.h"

#include "runtime/ort_library.h"

namespace diffbir::runtime {

Ort::Env& environment() {
  require_ort_library();
  static auto* const env = new Ort::Env(ORT_LOGGING_LEVEL_ERROR, "diffbir");
  return *env;
}

}  // namespace diffbir::runtime
