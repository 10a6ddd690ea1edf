// cuDNN for a rehearsal, as far as convolutions by its graphs want it: one engine that can compute everything.
#include <cstddef>
#include <cstdint>

#include "rehearsal/nothing.h"

namespace {

// Attributes of cudnn_graph.h.
constexpr int kHeuristicResults = 202;     // CUDNN_ATTR_ENGINEHEUR_RESULTS
constexpr int kConfigEngine = 300;         // CUDNN_ATTR_ENGINECFG_ENGINE
constexpr int kConfigWorkspaceSize = 303;  // CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE
constexpr int kConfigSharedMemory = 304;   // CUDNN_ATTR_ENGINECFG_SHARED_MEMORY_USED
constexpr int kPlanWorkspaceSize = 402;    // CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE
constexpr int kEngineIndex = 1301;         // CUDNN_ATTR_ENGINE_GLOBAL_INDEX

}  // namespace

extern "C" {

std::size_t cudnnGetVersion() { return 91200; }
const char* cudnnGetErrorString(int) { return "status of a rehearsal"; }
void cudnnGetLastErrorString(char* text, std::size_t size) {
  if (size > 0) *text = '\0';
}

// A handle is nothing but its stream.
int cudnnCreate(void*** handle) {
  *handle = new void*(nullptr);
  return 0;
}

int cudnnDestroy(void** handle) {
  delete handle;
  return 0;
}

int cudnnSetStream(void** handle, void* stream) {
  *handle = stream;
  return 0;
}

int cudnnGetStream(void** handle, void** stream) {
  *stream = *handle;
  return 0;
}

int cudnnBackendCreateDescriptor(int, void** descriptor) {
  *descriptor = new char;
  return 0;
}

int cudnnBackendDestroyDescriptor(void* descriptor) {
  delete static_cast<char*>(descriptor);
  return 0;
}

int cudnnBackendGetAttribute(void*, int name, int, std::int64_t, std::int64_t* count, void* value) {
  std::int64_t found = 1;
  switch (name) {
    case kHeuristicResults:
    case kConfigEngine:
      break;  // into descriptors that the caller made
    case kConfigSharedMemory:
      if (value) *static_cast<std::int32_t*>(value) = 0;
      break;
    case kConfigWorkspaceSize:
    case kPlanWorkspaceSize:
    case kEngineIndex:
      if (value) *static_cast<std::int64_t*>(value) = 0;
      break;
    default:
      found = 0;  // notes and knobs, of which there are none
  }
  if (count) *count = found;
  return 0;
}

int cudnnBackendExecute(void*, void*, void*) {
  rehearsal_count("convolutions");
  return 0;
}

REHEARSAL_NOTHING(cudnnAddTensor)
REHEARSAL_NOTHING(cudnnBackendFinalize)
REHEARSAL_NOTHING(cudnnBackendSetAttribute)
REHEARSAL_OBJECT(cudnnCreateFilterDescriptor)
REHEARSAL_OBJECT(cudnnCreatePoolingDescriptor)
REHEARSAL_OBJECT(cudnnCreateTensorDescriptor)
REHEARSAL_NOTHING(cudnnDestroyFilterDescriptor)
REHEARSAL_NOTHING(cudnnDestroyPoolingDescriptor)
REHEARSAL_NOTHING(cudnnDestroyTensorDescriptor)
REHEARSAL_NOTHING(cudnnPoolingForward)
REHEARSAL_NOTHING(cudnnSetPoolingNdDescriptor)
REHEARSAL_NOTHING(cudnnSetTensorNdDescriptor)
}
