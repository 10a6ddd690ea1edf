#include "cuda/imaging/bodies/resize.h"
#include "cuda/imaging/resize.h"
#include "cuda/on_device.h"

namespace diffbir::cuda {

std::size_t resize_bicubic_antialias_scratch(std::int64_t planes, Size from, Size to) {
  return bodies::ResizeScratch<bodies::FloatResampling>(nullptr, planes, from, 1, to).bytes;
}

void resize_bicubic_antialias(const float* x, std::int64_t planes, Size from, float* out, Size to, void* scratch,
                              void* stream) {
  bodies::resize_bicubic_antialias(OnDevice{stream}, x, planes, from, out, to, scratch);
}

std::size_t resize_bicubic_pil_scratch(Size from, Size to) {
  return bodies::ResizeScratch<bodies::PilResampling>(nullptr, 1, from, 3, to).bytes;
}

void resize_bicubic_pil(const std::uint8_t* rgb, Size from, std::uint8_t* out, Size to, void* scratch, void* stream) {
  bodies::resize_bicubic_pil(OnDevice{stream}, rgb, from, out, to, scratch);
}

}  // namespace diffbir::cuda
