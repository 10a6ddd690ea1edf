#include "core/error.h"

namespace diffbir {

const char* to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_option:
      return "DIFFBIR_INVALID_OPTION";
    case ErrorCode::invalid_image:
      return "DIFFBIR_INVALID_IMAGE";
    case ErrorCode::invalid_checkpoint:
      return "DIFFBIR_INVALID_CHECKPOINT";
    case ErrorCode::model_mismatch:
      return "DIFFBIR_MODEL_MISMATCH";
    case ErrorCode::runtime_not_found:
      return "DIFFBIR_RUNTIME_NOT_FOUND";
    case ErrorCode::runtime_failed:
      return "DIFFBIR_RUNTIME_FAILED";
    case ErrorCode::no_device:
      return "DIFFBIR_NO_DEVICE";
    case ErrorCode::numeric:
      return "DIFFBIR_NUMERIC";
    case ErrorCode::out_of_memory:
      return "DIFFBIR_OUT_OF_MEMORY";
    case ErrorCode::aborted:
      return "DIFFBIR_ABORTED";
    case ErrorCode::disposed:
      return "DIFFBIR_DISPOSED";
    case ErrorCode::internal:
      break;
  }
  return "DIFFBIR_INTERNAL";
}

}  // namespace diffbir
