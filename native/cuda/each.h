#pragma once

#include <cstddef>
#include <cstdint>

namespace diffbir::cuda {

/// Enqueues out[i] = f(inputs[i]...) for i < count on `stream`, a cudaStream_t of the current device; all pointers are
/// its memory. Instantiated in each.cu for the structs of diffusion/kernels.h, with `Inputs` float for each input.
template <typename F, typename... Inputs>
void each(F f, void* stream, std::size_t count, float* out, const Inputs*... inputs);

/// Enqueues body(i) for 0 <= i < count in the same way. Instantiated for the bodies of diffusion/edge_kernels.h, and
/// for those of core/moments.h.
template <typename Body>
void for_each_index(Body body, void* stream, std::int64_t count);

}  // namespace diffbir::cuda
