#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace diffbir {

/// What went wrong, as the caller sees it. `src/errors.ts` has the same codes with their classes and HTTP statuses.
enum class ErrorCode {
  invalid_option,
  invalid_image,
  invalid_checkpoint,
  model_mismatch,
  runtime_not_found,
  runtime_failed,
  no_device,
  numeric,
  out_of_memory,
  aborted,
  disposed,
  internal,
};

/// The stable public spelling, for instance `DIFFBIR_MODEL_MISMATCH`.
const char* to_string(ErrorCode code) noexcept;

/// The only exception type our own code throws. `addon/` turns it into a JavaScript Error with the same `code`.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace diffbir
