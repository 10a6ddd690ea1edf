#include "cuda/imaging/bodies/tiles.h"
#include "cuda/imaging/tiles.h"
#include "cuda/on_device.h"

namespace diffbir::cuda {

void cut_tiles(const float* x, std::int64_t planes, Size size, const Tile* tiles, std::int64_t count, PadMode mode,
               float* out, void* stream) {
  bodies::cut_tiles(OnDevice{stream}, x, planes, size, tiles, count, mode, out);
}

void add_tiles(const float* outputs, const float* weights, const Tile* tiles, std::int64_t count, std::int64_t scale,
               float* sum, float* weight_sum, std::int64_t planes, Size size, void* stream) {
  bodies::add_tiles(OnDevice{stream}, outputs, weights, tiles, count, scale, sum, weight_sum, planes, size);
}

void divide_by_weights(float* sum, const float* weight_sum, std::int64_t planes, Size size, void* stream) {
  bodies::divide_by_weights(OnDevice{stream}, sum, weight_sum, planes, size);
}

void paste(const float* part, Size part_size, const Tile& own, float* whole, Size whole_size, std::int64_t y,
           std::int64_t x, std::int64_t planes, void* stream) {
  bodies::paste(OnDevice{stream}, part, part_size, own, whole, whole_size, y, x, planes);
}

}  // namespace diffbir::cuda
