// Kernels on the host: every thread of a block is a fiber that runs until it waits for others.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>

namespace diffbir::rehearsal {

/// Of the thread that runs, as CUDA has them in a kernel.
struct Place {
  uint3 thread, block;
  dim3 threads, blocks;
};
const Place& place();

/// What the threads of the block share, as many bytes as it was launched with.
void* block_memory();

/// __syncthreads()
void sync_threads();

/// __shfl_xor_sync() of a whole warp
float shuffle_xor(float value, int distance);

/// Runs `thread` for every thread of every block, on the calling one. What they share is full of NaN at first. Throws
/// Error(internal) where threads wait for others that have ended, or that wait elsewhere.
void run_blocks(const char* kernel, const dim3& blocks, unsigned threads, std::size_t shared_bytes,
                const std::function<void()>& thread);

}  // namespace diffbir::rehearsal
