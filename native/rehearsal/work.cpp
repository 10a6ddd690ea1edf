#include <cxxabi.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rehearsal/state.h"

namespace diffbir::rehearsal {

namespace {

/// By the address of the function that launches it.
using Kernels = std::unordered_map<const void*, std::string>;

Kernels& kernels() {
  static auto& all = *new Kernels;
  return all;
}

struct Launch {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes;
  cudaStream_t stream;
};

/// Between `<<<` and `>>>`.
std::vector<Launch>& begun() {
  thread_local std::vector<Launch> all;
  return all;
}

std::string readable(const std::string& name) {
  int status = 0;
  char* const text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
  const std::string result = text ? text : name;
  std::free(text);
  return result;
}

/// Whether the host still has what it had when the copy was recorded.
bool is_unchanged(const RecordedCopy& copy) {
  const std::lock_guard lock(state().mutex);
  const auto size = [](const std::size_t& bytes) { return bytes; };
  const auto found = block_of(state().page_locked, copy.from, size);
  if (found == state().page_locked.end() || copy.from + copy.bytes.size() > found->first + found->second) return false;
  return copy.bytes == std::string_view(copy.from, copy.bytes.size());
}

// Of compute capability 9.0.
constexpr unsigned kMostThreads = 1024;
constexpr unsigned kMostBlocksYz = 65535;
constexpr std::size_t kMostSharedBytes = 227 * 1024;

cudaError_t launch(const std::string& kernel, const Launch& how) {
  const auto volume = [](const dim3& size) { return std::size_t{size.x} * size.y * size.z; };
  if (volume(how.grid) == 0 || how.grid.y > kMostBlocksYz || how.grid.z > kMostBlocksYz || volume(how.block) == 0 ||
      volume(how.block) > kMostThreads || how.shared_bytes > kMostSharedBytes) {
    return refuse(cudaErrorInvalidConfiguration, "a launch of " + std::to_string(volume(how.grid)) + " blocks with " +
                                                     std::to_string(volume(how.block)) + " threads and " +
                                                     std::to_string(how.shared_bytes) +
                                                     " shared bytes: " + readable(kernel));
  }
  const Stream& stream = stream_of(how.stream);
  if (how.stream && stream.device != thread().device) {
    return refuse(cudaErrorInvalidResourceHandle, "a launch on the stream of another device: " + readable(kernel));
  }
  ++*stream.launches;
  count(stream.recording ? "recorded launches" : "launches");
  if (!how.stream) count("launches on no stream");
  count("launches on device " + std::to_string(thread().device));
  return cudaSuccess;
}

}  // namespace

}  // namespace diffbir::rehearsal

using namespace diffbir::rehearsal;

// What nvcc's code calls; no header for the public has them.
extern "C" {

void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
char __cudaInitModule(void**) { return 1; }
void __cudaRegisterVar(void**, char*, char*, const char*, int, size_t, int, int) {}

void __cudaRegisterFunction(void**, const char* host, char*, const char* name, int, uint3*, uint3*, dim3*, dim3*,
                            int*) {
  const std::lock_guard lock(state().mutex);
  kernels()[host] = name;
}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream) {
  begun().push_back({grid, block, shared_bytes, stream});
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared_bytes, cudaStream_t* stream) {
  const Launch how = begun().back();
  begun().pop_back();
  *grid = how.grid;
  *block = how.block;
  *shared_bytes = how.shared_bytes;
  *stream = how.stream;
  return cudaSuccess;
}

cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* host) {
  {
    const std::lock_guard lock(state().mutex);
    if (const auto found = kernels().find(host); found != kernels().end()) {
      *kernel = reinterpret_cast<cudaKernel_t>(&found->second);
      return cudaSuccess;
    }
  }
  return refuse(cudaErrorInvalidDeviceFunction, "a kernel that nobody registered");
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void**, size_t shared_bytes,
                               cudaStream_t stream) {
  return launch(*reinterpret_cast<const std::string*>(kernel), {grid, block, shared_bytes, stream});
}
}

cudaError_t rehearsal_launch(const char* kernel, dim3 blocks, unsigned threads, std::size_t shared_bytes,
                             cudaStream_t stream, bool* computes) {
  *computes = state().computes;
  if (*computes && stream_of(stream).recording) return refuse(cudaErrorNotSupported, "a recorded kernel that computes");
  if (*computes) count("kernels that run");
  return launch(kernel, {blocks, {threads, 1, 1}, shared_bytes, stream});
}

cudaError_t cudaLaunchKernel(const void* host, dim3 grid, dim3 block, void** arguments, size_t shared_bytes,
                             cudaStream_t stream) {
  cudaKernel_t kernel = nullptr;
  if (const cudaError_t status = __cudaGetKernel(&kernel, host)) return status;
  return __cudaLaunchKernel(kernel, grid, block, arguments, shared_bytes, stream);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* how, const void* host, void** arguments) {
  return cudaLaunchKernel(host, how->gridDim, how->blockDim, arguments, how->dynamicSmemBytes, how->stream);
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  if (!stream_of(stream).recording) function(data);
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  *attributes = {};
  attributes->maxThreadsPerBlock = kMostThreads;
  attributes->maxDynamicSharedSizeBytes = kMostSharedBytes;
  attributes->binaryVersion = 90;
  attributes->ptxVersion = 90;
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) { return cudaSuccess; }

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void*, int, size_t, unsigned) {
  *blocks = 1;
  return cudaSuccess;
}

// Code that is loaded from memory: ONNX Runtime's attention for Hopper has some.
cudaError_t cudaLibraryLoadData(cudaLibrary_t* library, const void*, cudaJitOption*, void**, unsigned,
                                cudaLibraryOption*, void**, unsigned) {
  static char one;
  *library = reinterpret_cast<cudaLibrary_t>(&one);
  return cudaSuccess;
}

cudaError_t cudaLibraryGetKernel(cudaKernel_t* kernel, cudaLibrary_t, const char* name) {
  const std::lock_guard lock(state().mutex);
  static auto& names = *new std::set<std::string>;
  *kernel = reinterpret_cast<cudaKernel_t>(const_cast<std::string*>(&*names.insert(name).first));
  return cudaSuccess;
}

cudaError_t cudaLibraryUnload(cudaLibrary_t) { return cudaSuccess; }
cudaError_t cudaKernelSetAttributeForDevice(cudaKernel_t, cudaFuncAttribute, int, int) { return cudaSuccess; }

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  *stream = reinterpret_cast<cudaStream_t>(new Stream{thread().device});
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { return cudaStreamCreate(stream); }

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete reinterpret_cast<Stream*>(stream);
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (stream_of(stream).recording) return refuse(cudaErrorStreamCaptureUnsupported, "a wait for a stream that records");
  count("waits");
  shrink_pools();
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  std::unique_lock lock(state().mutex);
  if (state().recordings[thread().device] == 0) {
    lock.unlock();
    count("waits");
    shrink_pools();
    return cudaSuccess;
  }
  lock.unlock();
  return refuse(cudaErrorStreamCaptureUnsupported, "a wait for a device of which a stream records");
}

cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (!stream || stream_of(stream).recording) return refuse(cudaErrorIllegalState, "a recording that cannot begin");
  stream_of(stream).recording = new Graph;
  ++thread().recordings;
  count("recordings");
  const std::lock_guard lock(state().mutex);
  ++state().recordings[stream_of(stream).device];
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (!stream_of(stream).recording) return refuse(cudaErrorIllegalState, "the end of no recording");
  *graph = reinterpret_cast<cudaGraph_t>(std::exchange(stream_of(stream).recording, nullptr));
  --thread().recordings;
  const std::lock_guard lock(state().mutex);
  --state().recordings[stream_of(stream).device];
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  *status = stream_of(stream).recording ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  std::swap(thread().mode, *mode);
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  *executable = reinterpret_cast<cudaGraphExec_t>(new Graph(*reinterpret_cast<Graph*>(graph)));
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  ++*stream_of(stream).launches;
  count("graph launches");
  for (const RecordedCopy& copy : *reinterpret_cast<Graph*>(executable)) {
    if (!is_unchanged(copy)) return refuse(cudaErrorIllegalAddress, "a recorded copy of what is not there any more");
  }
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete reinterpret_cast<Graph*>(graph);
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete reinterpret_cast<Graph*>(executable);
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = reinterpret_cast<cudaEvent_t>(new Event);
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return cudaEventCreate(event); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete reinterpret_cast<Event*>(event);
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const auto& launches = stream_of(stream).launches;
  *reinterpret_cast<Event*>(event) = {launches, *launches};
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  count("waits for events");
  const Event& recorded = *reinterpret_cast<Event*>(event);
  if (recorded.launches && *recorded.launches == recorded.behind) count("waits until idle");
  return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
  *milliseconds = 1;
  return cudaSuccess;
}
