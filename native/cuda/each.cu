#include "core/moments.h"
#include "cuda/each.h"
#include "cuda/on_device.h"
#include "diffusion/edge_kernels.h"
#include "diffusion/kernels.h"

namespace diffbir::cuda {

namespace {

template <typename F, typename... Inputs>
__global__ void each_kernel(std::int64_t count, F f, float* out, const Inputs*... inputs) {
  for_each_of_thread(count, [&](std::int64_t i) { out[i] = f(inputs[i]...); });
}

}  // namespace

template <typename F, typename... Inputs>
void each(F f, void* stream, std::size_t count, float* out, const Inputs*... inputs) {
  launch(each_kernel<F, Inputs...>, stream, static_cast<std::int64_t>(count), f, out, inputs...);
}

template <typename Body>
void for_each_index(Body body, void* stream, std::int64_t count) {
  OnDevice{stream}(count, body);
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
template void for_each_index(CopyMoments, void*, std::int64_t);
template void for_each_index(PoolMoments, void*, std::int64_t);

}  // namespace diffbir::cuda
