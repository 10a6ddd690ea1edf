#include "cuda/imaging/bodies/adain.h"
#include "cuda/imaging/bodies/wavelet.h"
#include "cuda/imaging/color_fix.h"
#include "cuda/on_device.h"

namespace diffbir::cuda {

std::size_t wavelet_reconstruction_scratch(Size size) { return bodies::WaveletScratch(nullptr, size).bytes; }

void wavelet_reconstruction(float* content, const float* style, std::int64_t planes, Size size, void* scratch,
                            void* stream) {
  bodies::wavelet_reconstruction(OnDevice{stream}, content, style, planes, size, scratch);
}

std::size_t adaptive_instance_normalization_scratch(std::int64_t planes, Size size) {
  return bodies::AdainScratch(nullptr, planes, size).bytes;
}

void adaptive_instance_normalization(const float* content, const float* style, std::int64_t planes, Size size,
                                     float* out, void* scratch, void* stream) {
  bodies::adaptive_instance_normalization(OnDevice{stream}, content, style, planes, size, out, scratch);
}

}  // namespace diffbir::cuda
