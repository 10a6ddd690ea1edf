#include "pipeline/reuse_schedule.h"

#include <algorithm>
#include <cmath>

namespace diffbir {

ReuseSchedule::ReuseSchedule(int steps, int interval)
    : phases_(interval == 1 ? 0 : (steps + interval - 1) / interval),
      last_begins_((static_cast<float>(steps) - 2.5F) / static_cast<float>(std::max(1, steps - 1))) {}

bool ReuseSchedule::begins_phase(float t) {
  if (phases_ == 0) return true;
  constexpr float first_timestep = 999;
  constexpr float bend = 1.3F;
  const float passed = std::clamp((1.0F - t / first_timestep) / last_begins_, 0.0F, 1.0F);
  const float share = 1.0F - std::pow(1.0F - passed, 1.0F / bend);
  const int phase = static_cast<int>(static_cast<float>(phases_ - 1) * share);
  if (phase <= phase_) return false;
  phase_ = phase;
  return true;
}

}  // namespace diffbir
