#pragma once

namespace diffbir {

/// When a sampler's predictions compute all features and when they take those of an earlier one: the time from noise to
/// picture is cut into phases, and the first prediction of each computes them.
///
/// Features change faster towards the end, so phases become shorter (as in Ma et al. 2024, section 4.3, by another
/// rule). The last begins before the last step but one: computing all for the last step alone would leave the one
/// before it the oldest features of all (docs/decisions/0012).
class ReuseSchedule {
 public:
  /// As many phases as a run of `steps` (>= 1) has times `interval` (>= 1) steps. An interval of 1 reuses nothing.
  ReuseSchedule(int steps, int interval);

  /// Whether the prediction at timestep t (999..0) begins a phase.
  bool begins_phase(float t);

 private:
  int phases_;         // 0: every prediction is one
  float last_begins_;  // as a share of the time
  int phase_ = -1;
};

}  // namespace diffbir
