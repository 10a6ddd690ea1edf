// A CUDA runtime without a GPU, for test/rehearsal: memory is the host's, and kernels do nothing but where our own are
// to compute. What a GPU refuses is refused here, and what it is asked for is counted. CUDA's programming guide says
// what is meant by each function.
#pragma once

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace diffbir::rehearsal {

constexpr int kMostDevices = 4;

/// What a recording reads of the host at each launch.
struct RecordedCopy {
  const char* from;
  std::string bytes;
};

using Graph = std::vector<RecordedCopy>;

struct Stream {
  int device = 0;
  Graph* recording = nullptr;
  /// How many launches of kernels and graphs it has had. Events outlive streams.
  std::shared_ptr<std::atomic<std::uint64_t>> launches = std::make_shared<std::atomic<std::uint64_t>>(0);
};

/// Behind so many launches of a stream.
struct Event {
  std::shared_ptr<std::atomic<std::uint64_t>> launches;
  std::uint64_t behind = 0;
};

struct Pool {
  int device = 0;
  std::size_t used = 0;
  /// What the pool has of the GPU, `used` among it.
  std::size_t reserved = 0;
  /// How much of that survives a wait.
  std::size_t kept = 0;
};

struct Block {
  std::size_t bytes;
  int device;
  Pool* pool;  // none for cudaMalloc
  /// Of a GPU that computes: what lies before and behind it is nobody's.
  bool is_fenced;
};

/// Of the process, as CUDA's is.
struct State {
  std::mutex mutex;
  int devices = 1;
  std::size_t bytes_each = std::size_t{80} << 30;
  /// Which allocation from now on fails; 0 for none.
  std::uint64_t fails_at = 0;
  /// Whether our own kernels run, and memory is what they wrote; ONNX Runtime's never do.
  bool computes = false;
  std::map<std::string, std::uint64_t> counts;
  std::set<std::string> refused;
  std::map<const char*, Block> blocks;
  std::map<const char*, std::size_t> page_locked;
  std::set<Pool*> pools;
  std::size_t allocated[kMostDevices] = {};  // by cudaMalloc
  std::size_t peak[kMostDevices] = {};
  int recordings[kMostDevices] = {};

  /// Everything a device has given away.
  std::size_t taken(int device) const;
};

State& state();

/// What CUDA keeps of each thread.
struct Thread {
  int device = 0;
  cudaError_t error = cudaSuccess;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  int recordings = 0;
};
Thread& thread();

void count(const std::string& what, std::uint64_t by = 1);

/// Fails a call; `what` is in the report, unless it is empty.
cudaError_t refuse(cudaError_t status, const std::string& what = "");
/// For a call that would break a recording of a stream, which the thread's mode may allow.
cudaError_t refuse_while_recording(const char* call);

Stream& stream_of(cudaStream_t stream);

/// What a wait gives back to the GPU.
void shrink_pools();

/// The block among `blocks` that a place is in, or their end.
template <typename Blocks>
auto block_of(Blocks& blocks, const char* place, std::size_t (*size)(const typename Blocks::mapped_type&)) {
  auto found = blocks.upper_bound(place);
  if (found == blocks.begin()) return blocks.end();
  --found;
  return place < found->first + size(found->second) ? found : blocks.end();
}

}  // namespace diffbir::rehearsal

// What the addon's door and the other libraries call.
extern "C" {
/// Begins to count anew. From here on there are so many devices with so many bytes each, the given allocation
/// fails, and our kernels run or do not.
void rehearsal_begin(int devices, std::uint64_t bytes_each, std::uint64_t fails_at, bool computes);
/// For kernels that were compiled for the host: counts a launch, or refuses it, and says whether to run.
cudaError_t rehearsal_launch(const char* kernel, dim3 blocks, unsigned threads, std::size_t shared_bytes,
                             cudaStream_t stream, bool* computes);
/// JSON, valid until the thread's next call.
const char* rehearsal_report();
void rehearsal_count(const char* what);
}
