#include "runtime/ort_error.h"

#include <string_view>

namespace diffbir::runtime {

ErrorCode code_of(const Ort::Exception& error) noexcept {
  const std::string_view words = error.what();
  // What std::bad_alloc says, what ONNX Runtime's arenas do, also those with a limit, CUDA, cuBLAS and cuDNN.
  for (const std::string_view lack :
       {"bad_alloc", "Failed to allocate memory", "is smaller than requested bytes", "bad allocation", "out of memory",
        "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED"}) {
    if (words.find(lack) != std::string_view::npos) return ErrorCode::out_of_memory;
  }
  return ErrorCode::runtime_failed;
}

}  // namespace diffbir::runtime
