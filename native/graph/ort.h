#pragma once

// The one place that includes ONNX Runtime's C++ API: with ORT_API_MANUAL_INIT nothing of it may run before
// open_ort_library(), so no object of it may have static storage.
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#endif
#include <onnxruntime_cxx_api.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
