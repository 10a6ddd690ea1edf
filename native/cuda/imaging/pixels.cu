#include "cuda/imaging/bodies/pixels.h"
#include "cuda/imaging/pixels.h"
#include "cuda/on_device.h"

namespace diffbir::cuda {

void image_to_tensor(const std::uint8_t* rgb, Size size, const Tile* tiles, std::int64_t count, float* out,
                     void* stream) {
  bodies::image_to_tensor(OnDevice{stream}, rgb, size, tiles, count, out);
}

void tensor_to_image(const float* x, Size size, Rounding rounding, std::uint8_t* rgb, void* stream) {
  bodies::tensor_to_image(OnDevice{stream}, x, size, rounding, rgb);
}

void to_signed(const float* x, std::int64_t count, float* out, void* stream) {
  bodies::to_signed(OnDevice{stream}, x, count, out);
}

void to_unsigned(const float* x, std::int64_t count, float* out, void* stream) {
  bodies::to_unsigned(OnDevice{stream}, x, count, out);
}

}  // namespace diffbir::cuda
