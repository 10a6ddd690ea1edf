#include "core/noise.h"

#include <cstddef>
#include <functional>
#include <future>

namespace diffbir {

namespace {

/// Always one increment ahead of who asks.
class DrawnAhead {
 public:
  DrawnAhead(BrownianNoise draw, std::size_t count) : draw_(std::move(draw)), left_(count) { begin(); }

  Tensor next() {
    Tensor drawn = ahead_.get();
    begin();
    return drawn;
  }

 private:
  void begin() {
    if (left_ == 0) return;
    --left_;
    // Where no thread can be started, get() draws.
    ahead_ = std::async(std::launch::async | std::launch::deferred, std::ref(draw_));
  }

  BrownianNoise draw_;
  std::size_t left_;
  std::future<Tensor> ahead_;  // its destructor waits for the thread, which uses the others
};

}  // namespace

BrownianNoise NoiseOnDevice::brownian(const Shape& shape, float sigma_min, float sigma_max,
                                      std::vector<NoiseStep> steps) {
  const std::size_t count = steps.size();
  BrownianNoise draw = source_->brownian(shape, sigma_min, sigma_max, std::move(steps));
  if (!device_) return draw;
  const auto ahead = std::make_shared<DrawnAhead>(std::move(draw), count);
  return [ahead, device = device_] { return ahead->next().to(device); };
}

}  // namespace diffbir
