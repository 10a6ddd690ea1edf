#include "cuda/context.h"

#include <cuda_runtime_api.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "core/error.h"
#include "cuda/check.h"
#include "cuda/finite.h"

namespace diffbir::cuda {

namespace {

/// What the pool keeps of freed memory, for the next allocation; more goes back to the system at the next wait.
constexpr std::uint64_t kKeptBytes = std::uint64_t{256} << 20;

cudaStream_t stream_of(void* stream) { return static_cast<cudaStream_t>(stream); }
cudaMemPool_t pool_of(void* pool) { return static_cast<cudaMemPool_t>(pool); }
cudaEvent_t event_of(void* event) { return static_cast<cudaEvent_t>(event); }

/// Why there is no device of this number, or nothing.
std::string reason_against(int device) {
  int count = 0;
  if (const cudaError_t status = cudaGetDeviceCount(&count); status != cudaSuccess) {
    return std::string(cudaGetErrorName(status)) + ": " + cudaGetErrorString(status);
  }
  if (device < 0 || device >= count) return "there are " + std::to_string(count);
  int has_pools = 0;
  DIFFBIR_CUDA_CHECK(cudaDeviceGetAttribute(&has_pools, cudaDevAttrMemoryPoolsSupported, device));
  return has_pools ? "" : "it has no memory pools";
}

}  // namespace

std::shared_ptr<Context> Context::open(int device) {
  if (const std::string reason = reason_against(device); !reason.empty()) {
    throw Error(ErrorCode::no_device, "CUDA device " + std::to_string(device) + " cannot be used: " + reason);
  }
  return std::shared_ptr<Context>(new Context(device));
}

Context::Context(int device) : index_(device) {
  DIFFBIR_CUDA_CHECK(cudaSetDevice(index_));
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location = {cudaMemLocationTypeDevice, index_};
  cudaMemPool_t pool = nullptr;
  DIFFBIR_CUDA_CHECK(cudaMemPoolCreate(&pool, &properties));
  pool_ = pool;
  std::uint64_t kept = kKeptBytes;
  DIFFBIR_CUDA_CHECK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &kept));
  cudaStream_t stream = nullptr;
  DIFFBIR_CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  stream_ = stream;
}

Context::~Context() {
  // An error here is one of the work before, which is over; nobody is left to hear of it.
  cudaSetDevice(index_);
  cudaStreamSynchronize(stream_of(stream_));
  for (const Answer& answer : answers_) {
    cudaEventDestroy(event_of(answer.event));
    cudaFreeHost(answer.number);
  }
  cudaStreamDestroy(stream_of(stream_));
  cudaMemPoolDestroy(pool_of(pool_));
}

void* Context::stream() {
  // Else this thread could take no memory while another one records, on whatever device, nor for what it records
  // itself: the arena of a session may have to grow, and keeps what it has.
  thread_local const bool ignores_recordings = [] {
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    DIFFBIR_CUDA_CHECK(cudaThreadExchangeStreamCaptureMode(&mode));
    return true;
  }();
  static_cast<void>(ignores_recordings);
  DIFFBIR_CUDA_CHECK(cudaSetDevice(index_));
  return stream_;
}

std::optional<PhiloxCard> Context::philox_card() const {
  int multiprocessors = 0;
  int threads = 0;
  DIFFBIR_CUDA_CHECK(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, index_));
  DIFFBIR_CUDA_CHECK(cudaDeviceGetAttribute(&threads, cudaDevAttrMaxThreadsPerMultiProcessor, index_));
  return PhiloxCard{multiprocessors, threads};
}

void Context::abandon_recording() noexcept {
  // Errors here are those of the recording, of which the caller knows.
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  if (cudaStreamIsCapturing(stream_of(stream_), &status) == cudaSuccess && status != cudaStreamCaptureStatusNone) {
    cudaGraph_t graph = nullptr;
    cudaStreamEndCapture(stream_of(stream_), &graph);
    if (graph) cudaGraphDestroy(graph);
  }
  cudaGetLastError();
}

void Context::synchronize() { DIFFBIR_CUDA_CHECK(cudaStreamSynchronize(stream_of(stream()))); }

float* Context::allocate(std::size_t count) {
  void* memory = nullptr;
  DIFFBIR_CUDA_CHECK(cudaMallocFromPoolAsync(&memory, count * sizeof(float), pool_of(pool_), stream_of(stream())));
  if (shares_memory_) synchronize();
  return static_cast<float*>(memory);
}

void Context::release(float* memory) noexcept {
  cudaSetDevice(index_);
  cudaFreeAsync(memory, stream_of(stream_));
}

void Context::keep_freed(bool keeps) {
  std::uint64_t kept = keeps ? std::numeric_limits<std::uint64_t>::max() : kKeptBytes;
  DIFFBIR_CUDA_CHECK(cudaMemPoolSetAttribute(pool_of(pool_), cudaMemPoolAttrReleaseThreshold, &kept));
  if (keeps) return;
  synchronize();
  DIFFBIR_CUDA_CHECK(cudaMemPoolTrimTo(pool_of(pool_), kKeptBytes));
}

void Context::give_back_freed() {
  synchronize();
  DIFFBIR_CUDA_CHECK(cudaMemPoolTrimTo(pool_of(pool_), 0));
}

void Context::zero(float* memory, std::size_t count) {
  DIFFBIR_CUDA_CHECK(cudaMemsetAsync(memory, 0, count * sizeof(float), stream_of(stream())));
}

void Context::upload(const float* from, float* to, std::size_t count) {
  // From memory that is not page-locked: CUDA has taken its copy when this returns.
  const std::size_t bytes = count * sizeof(float);
  DIFFBIR_CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_of(stream())));
}

void Context::download(const float* from, float* to, std::size_t count) {
  const std::size_t bytes = count * sizeof(float);
  DIFFBIR_CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_of(stream())));
  synchronize();
}

void Context::copy(const float* from, float* to, std::size_t count) {
  const std::size_t bytes = count * sizeof(float);
  DIFFBIR_CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_of(stream())));
}

/// The device marks, and its mark is copied as soon as it is made; the host looks at the copy when it is asked.
class Context::Check final : public FiniteCheck {
 public:
  Check(Context& context, const float* values, std::size_t count) : context_(context), answer_(context.take_answer()) {
    float* found = nullptr;
    try {
      found = context_.allocate(1);
      context_.zero(found, 1);
      mark_not_finite(values, count, found, context_.stream());
      DIFFBIR_CUDA_CHECK(cudaMemcpyAsync(answer_.front().number, found, sizeof(float), cudaMemcpyDeviceToHost,
                                         stream_of(context_.stream())));
      DIFFBIR_CUDA_CHECK(cudaEventRecord(event_of(answer_.front().event), stream_of(context_.stream())));
    } catch (...) {
      if (found) context_.release(found);
      context_.keep_answer(std::move(answer_));
      throw;
    }
    context_.release(found);
  }

  ~Check() override {
    cudaEventSynchronize(event_of(answer_.front().event));
    context_.keep_answer(std::move(answer_));
  }

  bool passed() override {
    DIFFBIR_CUDA_CHECK(cudaEventSynchronize(event_of(answer_.front().event)));
    return *answer_.front().number == 0;
  }

 private:
  Context& context_;
  Answers answer_;  // one
};

std::unique_ptr<FiniteCheck> Context::begin_finite_check(const float* values, std::size_t count) {
  if (count == 0) return std::make_unique<HostCheck>(std::span<const float>());
  return std::make_unique<Check>(*this, values, count);
}

Context::Answers Context::take_answer() {
  Answers answer;
  {
    const std::lock_guard lock(answers_mutex_);
    if (!answers_.empty()) {
      answer.splice(answer.begin(), answers_, answers_.begin());
      return answer;
    }
  }
  stream();  // the thread's device
  cudaEvent_t event = nullptr;
  DIFFBIR_CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  void* room = nullptr;
  const cudaError_t status = cudaMallocHost(&room, sizeof(float));
  if (status != cudaSuccess) cudaEventDestroy(event);
  DIFFBIR_CUDA_CHECK(status);
  answer.push_back({static_cast<float*>(room), event});
  return answer;
}

void Context::keep_answer(Answers answer) noexcept {
  const std::lock_guard lock(answers_mutex_);
  answers_.splice(answers_.begin(), answer);
}

}  // namespace diffbir::cuda
