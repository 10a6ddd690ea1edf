// cuBLASLt for a rehearsal: every call succeeds.
#include "rehearsal/nothing.h"

extern "C" {

REHEARSAL_OBJECT(cublasLtCreate)
REHEARSAL_OBJECT(cublasLtMatmulDescCreate)
REHEARSAL_OBJECT(cublasLtMatmulPreferenceCreate)
REHEARSAL_OBJECT(cublasLtMatrixLayoutCreate)
REHEARSAL_OBJECT(cublasLtMatrixTransformDescCreate)

int cublasLtMatmulAlgoGetHeuristic(void*, void*, void*, void*, void*, void*, void*, int, void*, int* found) {
  *found = 1;
  return 0;
}

REHEARSAL_NOTHING(cublasLtDestroy)
REHEARSAL_NOTHING(cublasLtMatmul)
REHEARSAL_NOTHING(cublasLtMatmulAlgoConfigSetAttribute)
REHEARSAL_NOTHING(cublasLtMatmulAlgoInit)
REHEARSAL_NOTHING(cublasLtMatmulDescDestroy)
REHEARSAL_NOTHING(cublasLtMatmulDescSetAttribute)
REHEARSAL_NOTHING(cublasLtMatmulPreferenceDestroy)
REHEARSAL_NOTHING(cublasLtMatmulPreferenceSetAttribute)
REHEARSAL_NOTHING(cublasLtMatrixLayoutDestroy)
REHEARSAL_NOTHING(cublasLtMatrixLayoutSetAttribute)
REHEARSAL_NOTHING(cublasLtMatrixTransform)
REHEARSAL_NOTHING(cublasLtMatrixTransformDescDestroy)
}
