#include "cuda/norm/group_norm.h"
#include "cuda/on_device.h"

namespace diffbir::cuda {

std::size_t group_norm_scratch(const bodies::FeatureMap& map) { return bodies::GroupNormScratch(nullptr, map).bytes; }

GroupNormMemory::GroupNormMemory(const bodies::FeatureMap& map, void* stream) : stream_(stream) {
  DIFFBIR_CUDA_CHECK(cudaMallocAsync(&memory_, group_norm_scratch(map), static_cast<cudaStream_t>(stream)));
}

GroupNormMemory::~GroupNormMemory() { cudaFreeAsync(memory_, static_cast<cudaStream_t>(stream_)); }

template <typename T>
Moments* measure_groups(const T* x, const bodies::FeatureMap& map, const Region& region, void* scratch, void* stream) {
  return bodies::measure_groups(OnDevice{stream}, x, map, region, scratch);
}

template <typename T>
void normalize_groups(const T* x, const bodies::FeatureMap& map, const Moments* moments, const bodies::Norm& norm, T* y,
                      void* scratch, void* stream) {
  bodies::normalize_groups(OnDevice{stream}, x, map, moments, norm, y, scratch);
}

template Moments* measure_groups(const float*, const bodies::FeatureMap&, const Region&, void*, void*);
template Moments* measure_groups(const bodies::Half*, const bodies::FeatureMap&, const Region&, void*, void*);
template void normalize_groups(const float*, const bodies::FeatureMap&, const Moments*, const bodies::Norm&, float*,
                               void*, void*);
template void normalize_groups(const bodies::Half*, const bodies::FeatureMap&, const Moments*, const bodies::Norm&,
                               bodies::Half*, void*, void*);

}  // namespace diffbir::cuda
