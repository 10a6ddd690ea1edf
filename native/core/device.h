#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "core/philox.h"
#include "core/turns.h"

namespace diffbir {

/// Whether values were finite that the device may still have to compute. No longer there than the device.
class FiniteCheck {
 public:
  virtual ~FiniteCheck() = default;
  /// Waits for what was queued before the check began, and for nothing behind it.
  virtual bool passed() = 0;
};

/// Of values that the host can read, which looks at once.
class HostCheck final : public FiniteCheck {
 public:
  explicit HostCheck(std::span<const float> values)
      : passed_(std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) {}
  bool passed() override { return passed_; }

 private:
  bool passed_;
};

/// The memory of a device, as far as core/ knows it. Work is queued on one stream and done in order; only download(),
/// all_finite() and synchronize() wait. Everything throws Error(runtime_failed) for what the device reports, and
/// Error(out_of_memory).
class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  /// Room for `count` numbers, whose values are undefined.
  virtual float* allocate(std::size_t count) = 0;
  /// Gives it back once the work that was queued before is done.
  virtual void release(float* memory) noexcept = 0;

  /// While it is on, what is allocated may be used on any stream: nothing that was queued before is still at work in
  /// it.
  virtual void share_memory(bool) {}
  /// While it is on, freed memory is kept for the next allocation, however much it is. Off, which waits, gives back
  /// what is more than usual.
  virtual void keep_freed(bool) {}
  /// Waits, and gives back all of it, also what is usual: others than allocate() want it. By who holds `recording`.
  virtual void give_back_freed() {}

  virtual void zero(float* memory, std::size_t count) = 0;
  /// `from` is host memory, which may change as soon as this returns.
  virtual void upload(const float* from, float* to, std::size_t count) = 0;
  /// `to` is host memory, and filled when this returns.
  virtual void download(const float* from, float* to, std::size_t count) = 0;
  /// Both lie on this device and do not overlap.
  virtual void copy(const float* from, float* to, std::size_t count) = 0;

  /// Whether no value is NaN or infinite.
  virtual std::unique_ptr<FiniteCheck> begin_finite_check(const float* values, std::size_t count) = 0;
  bool all_finite(const float* values, std::size_t count) { return begin_finite_check(values, count)->passed(); }

  /// CUDA's number of it; none where its memory can be read by the host.
  virtual std::optional<int> cuda_index() const noexcept { return {}; }

  /// Waits for everything that was queued.
  virtual void synchronize() {}

  /// What torch's CUDA generator knows of it; none where it is no GPU.
  virtual std::optional<PhiloxCard> philox_card() const { return {}; }

  /// After a run that failed while its kernels were recorded: the stream works again.
  virtual void abandon_recording() noexcept {}

  /// What kernels are launched on: a cudaStream_t, whose device becomes the calling thread's by this call.
  virtual void* stream() = 0;

  /// Of jobs, whose work is queued on the one stream: what one of them queued while another records would be recorded.
  Turns turns;
  /// Held while a run is recorded, and by those who without a turn open or close a session, which uses the stream, or
  /// wait for it.
  std::mutex recording;
};

}  // namespace diffbir
