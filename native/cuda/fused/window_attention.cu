#include "cuda/fused/fused.h"
#include "cuda/fused/window_attention.h"
#include "cuda/kernel.cuh"

namespace diffbir::cuda {

namespace {

/// A block of threads on the device, of which this is one.
template <typename Body>
struct Block {
  typename Body::Shared& shared;
  typename Body::Query query;

  template <typename F>
  __device__ void together(const F& f) {
    f(static_cast<int>(threadIdx.x), query);
    __syncthreads();
  }
};

template <typename Body>
__global__ void __launch_bounds__(bodies::window_block) run_block(const Body body) {
  __shared__ typename Body::Shared shared;
  Block<Body> block{shared, {}};
  body(blockIdx.x, block);
}

struct BlocksOnDevice {
  void* stream;

  template <typename Body>
  void operator()(std::int64_t blocks, const Body& body) const {
    if (blocks <= 0) return;
    launch_blocks(run_block<Body>, static_cast<unsigned>(blocks), bodies::window_block, 0, stream, body);
  }
};

}  // namespace

bool fused_window_attention(const bodies::WindowInput& input, const bodies::WindowSizes& sizes,
                            const bodies::WindowShift& shift, void* out, void* stream) {
  return bodies::window_attention(BlocksOnDevice{stream}, input, sizes, shift, static_cast<bodies::HalfPair*>(out));
}

}  // namespace diffbir::cuda
