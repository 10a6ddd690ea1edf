// cuBLAS for a rehearsal: every call succeeds, and products say what they are computed with.
#include "rehearsal/nothing.h"

namespace {

// Of cublas_api.h.
constexpr int kTf32Mode = 3;      // CUBLAS_TF32_TENSOR_OP_MATH
constexpr int kTf32Product = 77;  // CUBLAS_COMPUTE_32F_FAST_TF32
constexpr int kFloat32 = 0;       // CUDA_R_32F

struct Handle {
  int mode = 0;
};

int product(const void* handle, int type, int computed_as) {
  const bool is_tf32 = computed_as == kTf32Product || static_cast<const Handle*>(handle)->mode == kTf32Mode;
  rehearsal_count(type != kFloat32 ? "products of float16" : is_tf32 ? "products in TF32" : "products of float32");
  return 0;
}

}  // namespace

extern "C" {

int cublasCreate_v2(void** handle) {
  *handle = new Handle;
  return 0;
}

int cublasDestroy_v2(void* handle) {
  delete static_cast<Handle*>(handle);
  return 0;
}

int cublasSetMathMode(void* handle, int mode) {
  static_cast<Handle*>(handle)->mode = mode;
  return 0;
}

int cublasGetMathMode(const void* handle, int* mode) {
  *mode = static_cast<const Handle*>(handle)->mode;
  return 0;
}

const char* cublasGetStatusName(int) { return "status"; }
const char* cublasGetStatusString(int) { return "status of a rehearsal"; }

int cublasSgemm_v2(void* handle, ...) { return product(handle, kFloat32, 0); }
int cublasSgemmBatched(void* handle, ...) { return product(handle, kFloat32, 0); }
int cublasSgemmStridedBatched(void* handle, ...) { return product(handle, kFloat32, 0); }

int cublasGemmEx(void* handle, int, int, int, int, int, const void*, const void*, int type, int, const void*, int, int,
                 const void*, void*, int, int, int computed_as, int) {
  return product(handle, type, computed_as);
}

int cublasGemmBatchedEx(void* handle, int, int, int, int, int, const void*, const void*, int type, int, const void*,
                        int, int, const void*, void*, int, int, int, int computed_as, int) {
  return product(handle, type, computed_as);
}

int cublasGemmStridedBatchedEx(void* handle, int, int, int, int, int, const void*, const void*, int type, int,
                               long long, const void*, int, int, long long, const void*, void*, int, int, long long,
                               int, int computed_as, int) {
  return product(handle, type, computed_as);
}

REHEARSAL_NOTHING(cublasDcopy_v2)
REHEARSAL_NOTHING(cublasDgeam)
REHEARSAL_NOTHING(cublasDgemmBatched)
REHEARSAL_NOTHING(cublasDgemmStridedBatched)
REHEARSAL_NOTHING(cublasDgemm_v2)
REHEARSAL_NOTHING(cublasDgetrfBatched)
REHEARSAL_NOTHING(cublasDgetriBatched)
REHEARSAL_NOTHING(cublasScopy_v2)
REHEARSAL_NOTHING(cublasSetStream_v2)
REHEARSAL_NOTHING(cublasSgeam)
REHEARSAL_NOTHING(cublasSgetrfBatched)
REHEARSAL_NOTHING(cublasSgetriBatched)
REHEARSAL_NOTHING(cublasSscal_v2)
}
