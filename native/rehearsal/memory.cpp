#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "rehearsal/state.h"

namespace diffbir::rehearsal {

namespace {

/// What is not small is given in multiples of a page.
std::size_t granted(std::size_t bytes) {
  constexpr std::size_t page = std::size_t{2} << 20;
  return bytes < page / 2 ? bytes : (bytes + page - 1) / page * page;
}

constexpr std::size_t kHostPage = 4096;

/// Pages that nobody writes cost nothing.
void* map(std::size_t bytes) {
  void* const mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return mapped == MAP_FAILED ? nullptr : mapped;
}

/// Where a fenced block begins in its pages, as CUDA aligns it.
std::size_t fenced_offset(std::size_t bytes) {
  constexpr std::size_t alignment = 256;
  return (kHostPage - bytes % kHostPage) % kHostPage / alignment * alignment;
}

/// Full of NaN, as are up to 255 bytes behind it; then a page follows that nobody may touch.
void* map_fenced(std::size_t bytes) {
  const std::size_t pages = (fenced_offset(bytes) + bytes + kHostPage - 1) / kHostPage * kHostPage;
  auto* const mapped = static_cast<char*>(map(pages + kHostPage));
  if (!mapped) return nullptr;
  std::memset(mapped, 0xFF, pages);
  mprotect(mapped + pages, kHostPage, PROT_NONE);
  return mapped + fenced_offset(bytes);
}

/// Whether nobody wrote before it or behind.
bool unmap_fenced(char* memory, std::size_t bytes) {
  char* const mapped = memory - fenced_offset(bytes);
  const std::size_t pages = (fenced_offset(bytes) + bytes + kHostPage - 1) / kHostPage * kHostPage;
  const auto is_untouched = [](char value) { return value == '\xFF'; };
  const bool is_whole =
      std::all_of(mapped, memory, is_untouched) && std::all_of(memory + bytes, mapped + pages, is_untouched);
  munmap(mapped, pages + kHostPage);
  return is_whole;
}

/// Memory of the current device, or none where it has no more.
cudaError_t take(void** memory, std::size_t bytes, Pool* pool) {
  bytes = std::max<std::size_t>(bytes, 1);
  count("allocations");
  const std::lock_guard lock(state().mutex);
  const int device = pool ? pool->device : thread().device;
  const std::size_t more = granted(pool ? std::max(pool->reserved, pool->used + bytes) - pool->reserved : bytes);
  const bool fails = state().fails_at == 1;
  if (state().fails_at > 0) --state().fails_at;
  const bool is_fenced = state().computes;
  void* const place = fails || state().taken(device) + more > state().bytes_each ? nullptr
                      : is_fenced                                                ? map_fenced(bytes)
                                                                                 : map(bytes);
  if (!place) {
    thread().error = cudaErrorMemoryAllocation;
    return cudaErrorMemoryAllocation;
  }
  state().blocks[static_cast<const char*>(place)] = {bytes, device, pool, is_fenced};
  if (pool) {
    pool->used += bytes;
    pool->reserved += more;
  } else {
    state().allocated[device] += more;
  }
  state().peak[device] = std::max(state().peak[device], state().taken(device));
  *memory = place;
  return cudaSuccess;
}

cudaError_t give_back(void* memory) {
  if (!memory) return cudaSuccess;
  std::unique_lock lock(state().mutex);
  const auto found = state().blocks.find(static_cast<const char*>(memory));
  if (found == state().blocks.end()) {
    lock.unlock();
    return refuse(cudaErrorInvalidValue, "freeing what is not there");
  }
  const Block block = found->second;
  const bool is_whole = !block.is_fenced || unmap_fenced(static_cast<char*>(memory), block.bytes);
  if (!block.is_fenced) munmap(memory, block.bytes);
  if (block.pool) {
    block.pool->used -= block.bytes;
  } else {
    state().allocated[block.device] -= granted(block.bytes);
  }
  state().blocks.erase(found);
  lock.unlock();
  return is_whole ? cudaSuccess : refuse(cudaErrorIllegalAddress, "a kernel that wrote beyond a block");
}

cudaError_t take_in_order(void** memory, std::size_t bytes, Pool* pool, cudaStream_t stream) {
  // CUDA would record it; ours are never meant to.
  if (stream_of(stream).recording) return refuse(cudaErrorStreamCaptureUnsupported, "a recorded allocation");
  return take(memory, bytes, pool);
}

Pool* pool_of(cudaMemPool_t pool) { return reinterpret_cast<Pool*>(pool); }

void shrink(Pool& pool, std::size_t to) { pool.reserved = std::max(pool.used, std::min(pool.reserved, to)); }

Pool* standard_pool() {
  static auto* const pools = new Pool[kMostDevices];
  const std::lock_guard lock(state().mutex);
  Pool& pool = pools[thread().device];
  pool.device = thread().device;
  state().pools.insert(&pool);
  return &pool;
}

/// Whether memory of a device goes on for so long; the host's may.
bool is_inside(const void* memory, std::size_t bytes) {
  const std::lock_guard lock(state().mutex);
  const auto* const place = static_cast<const char*>(memory);
  const auto found = block_of(state().blocks, place, [](const Block& block) { return block.bytes; });
  return found == state().blocks.end() || place + bytes <= found->first + found->second.bytes;
}

cudaError_t copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, Graph* recording) {
  if (!is_inside(to, bytes) || !is_inside(from, bytes)) return refuse(cudaErrorInvalidValue, "a copy beyond a block");
  if (kind == cudaMemcpyDeviceToDevice) {
    count("copies on the device");
    if (state().computes) std::memmove(to, from, bytes);
    return cudaSuccess;
  }
  const std::string way = kind == cudaMemcpyDeviceToHost ? "down" : "up";
  if (recording) {
    count("recorded copies " + way);
    const auto* const place = static_cast<const char*>(from);
    if (kind == cudaMemcpyHostToDevice) recording->push_back({place, std::string(place, bytes)});
    return cudaSuccess;
  }
  count("copies " + way);
  count("bytes " + way, bytes);
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

}  // namespace

void shrink_pools() {
  const std::lock_guard lock(state().mutex);
  for (Pool* pool : state().pools) shrink(*pool, pool->kept);
}

}  // namespace diffbir::rehearsal

using namespace diffbir::rehearsal;

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  if (const cudaError_t status = refuse_while_recording("cudaMalloc")) return status;
  count("allocations from no pool");
  return take(memory, bytes, nullptr);
}

cudaError_t cudaFree(void* memory) {
  if (const cudaError_t status = refuse_while_recording("cudaFree")) return status;
  shrink_pools();
  return give_back(memory);
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
  *memory = std::calloc(std::max<std::size_t>(bytes, 1), 1);
  if (!*memory) return refuse(cudaErrorMemoryAllocation);
  const std::lock_guard lock(state().mutex);
  state().page_locked[static_cast<const char*>(*memory)] = bytes;
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) { return cudaMallocHost(memory, bytes); }

cudaError_t cudaFreeHost(void* memory) {
  {
    const std::lock_guard lock(state().mutex);
    state().page_locked.erase(static_cast<const char*>(memory));
  }
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  auto* const made = new Pool{properties->location.id};
  *pool = reinterpret_cast<cudaMemPool_t>(made);
  const std::lock_guard lock(state().mutex);
  state().pools.insert(made);
  return cudaSuccess;
}

cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  {
    const std::lock_guard lock(state().mutex);
    if (pool_of(pool)->used == 0) {
      state().pools.erase(pool_of(pool));
      delete pool_of(pool);
      return cudaSuccess;
    }
  }
  return refuse(cudaErrorInvalidValue, "the end of a pool that somebody has memory of");
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  const std::lock_guard lock(state().mutex);
  if (attribute == cudaMemPoolAttrReleaseThreshold) pool_of(pool)->kept = *static_cast<std::uint64_t*>(value);
  return cudaSuccess;
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  const std::lock_guard lock(state().mutex);
  const bool is_reserved = attribute == cudaMemPoolAttrReservedMemCurrent;
  *static_cast<std::uint64_t*>(value) = is_reserved ? pool_of(pool)->reserved : pool_of(pool)->used;
  return cudaSuccess;
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t bytes) {
  const std::lock_guard lock(state().mutex);
  shrink(*pool_of(pool), bytes);
  return cudaSuccess;
}

cudaError_t cudaMallocFromPoolAsync(void** memory, size_t bytes, cudaMemPool_t pool, cudaStream_t stream) {
  return take_in_order(memory, bytes, pool_of(pool), stream);
}

cudaError_t cudaMallocAsync(void** memory, size_t bytes, cudaStream_t stream) {
  return take_in_order(memory, bytes, standard_pool(), stream);
}

cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  if (stream_of(stream).recording) return refuse(cudaErrorStreamCaptureUnsupported, "a recorded free");
  return give_back(memory);
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const std::lock_guard lock(state().mutex);
  *total = state().bytes_each;
  *free = *total - std::min(*total, state().taken(thread().device));
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (const cudaError_t status = refuse_while_recording("cudaMemcpy")) return status;
  return copy(to, from, bytes, kind, nullptr);
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return copy(to, from, bytes, kind, stream_of(stream).recording);
}

cudaError_t cudaMemcpy2DAsync(void*, size_t, const void*, size_t, size_t, size_t, cudaMemcpyKind kind, cudaStream_t) {
  if (kind != cudaMemcpyDeviceToDevice) return refuse(cudaErrorNotSupported, "a copy of rows from or to the host");
  if (state().computes) return refuse(cudaErrorNotSupported, "a copy of rows that computes");
  count("copies on the device");
  return cudaSuccess;
}

cudaError_t cudaMemcpyFromSymbol(void* to, const void*, size_t bytes, size_t, cudaMemcpyKind) {
  std::memset(to, 0, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  if (const cudaError_t status = refuse_while_recording("cudaMemset")) return status;
  return cudaMemsetAsync(memory, value, bytes, nullptr);
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t) {
  if (!is_inside(memory, bytes)) return refuse(cudaErrorInvalidValue, "zeros beyond a block");
  if (state().computes) std::memset(memory, value, bytes);
  return cudaSuccess;
}
