#include "cuda/on_device.h"
#include "cuda/philox.h"

namespace diffbir::cuda {

namespace {

struct WriteNormals {
  PhiloxDraw draw;
  float* out;
  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const { draw.write(i, out); }
};

}  // namespace

void philox_normals(const PhiloxDraw& draw, float* out, void* stream) {
  OnDevice{stream}(draw.threads * draw.rounds(), WriteNormals{draw, out});
}

}  // namespace diffbir::cuda
