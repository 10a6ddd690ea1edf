#include <cuda_runtime.h>

#include "cuda/check.h"
#include "cuda/each.h"
#include "diffusion/edge_kernels.h"
#include "diffusion/kernels.h"

namespace diffbir::cuda {

namespace {

template <typename Body>
__global__ void index_kernel(Body body, std::int64_t count) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) body(i);
}

template <typename F, typename... Inputs>
__global__ void each_kernel(F f, std::int64_t count, float* out, const Inputs*... inputs) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    out[i] = f(inputs[i]...);
  }
}

constexpr unsigned kThreads = 256;

/// For `count` >= 1 indices; beyond a million blocks threads take several.
unsigned blocks_for(std::int64_t count) {
  constexpr std::int64_t most = std::int64_t{1} << 20;
  const std::int64_t blocks = (count + kThreads - 1) / kThreads;
  return static_cast<unsigned>(blocks < most ? blocks : most);
}

}  // namespace

template <typename F, typename... Inputs>
void each(F f, void* stream, std::size_t count, float* out, const Inputs*... inputs) {
  if (count == 0) return;
  const auto numbers = static_cast<std::int64_t>(count);
  each_kernel<<<blocks_for(numbers), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(f, numbers, out, inputs...);
  DIFFBIR_CUDA_CHECK(cudaGetLastError());
}

template <typename Body>
void for_each_index(Body body, void* stream, std::int64_t count) {
  if (count == 0) return;
  index_kernel<<<blocks_for(count), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(body, count);
  DIFFBIR_CUDA_CHECK(cudaGetLastError());
}

// What each() of core/each.h is called with, by the number of inputs. One that is missing here fails to link gpu_twins.
#define DIFFBIR_EACH_1(F) template void each(F, void*, std::size_t, float*, const float*)
#define DIFFBIR_EACH_2(F) template void each(F, void*, std::size_t, float*, const float*, const float*)
#define DIFFBIR_EACH_3(F) template void each(F, void*, std::size_t, float*, const float*, const float*, const float*)
#define DIFFBIR_EACH_4(F) \
  template void each(F, void*, std::size_t, float*, const float*, const float*, const float*, const float*)

DIFFBIR_EACH_1(Scale);
DIFFBIR_EACH_2(Product);
DIFFBIR_EACH_2(WeightedSum);
DIFFBIR_EACH_2(WeightedDifference);
DIFFBIR_EACH_2(AddScaled);
DIFFBIR_EACH_2(ScaledDifference);
DIFFBIR_EACH_2(OtherPart);
DIFFBIR_EACH_2(Guide);
DIFFBIR_EACH_2(MseDescent);
DIFFBIR_EACH_2(Slope);
DIFFBIR_EACH_2(AddNoise);
DIFFBIR_EACH_2(Mean);
DIFFBIR_EACH_3(PosteriorSample);
DIFFBIR_EACH_3(SecondOrderCorrection);
DIFFBIR_EACH_4(ThirdOrderCorrection);
DIFFBIR_EACH_3(Grey);

template void for_each_index(EdgeBlocks, void*, std::int64_t);
template void for_each_index(CellMeans, void*, std::int64_t);

}  // namespace diffbir::cuda
