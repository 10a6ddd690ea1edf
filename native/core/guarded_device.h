#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "core/device.h"

namespace diffbir {

/// A device for tests: host memory whose pages nothing can read or write but the operations of a Device and each().
/// What would touch a GPU's memory from the host crashes here, and results are those of the host. For several threads.
/// Not on Windows, where allocate() throws Error(internal).
class GuardedDevice final : public Device {
 public:
  ~GuardedDevice() override;

  /// Opens all of its memory to the host for as long as it lives.
  class Access {
   public:
    explicit Access(GuardedDevice& device) : device_(device) { device_.open(); }
    ~Access() { device_.close(); }
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;

   private:
    GuardedDevice& device_;
  };

  /// Of a device that may be one; null where it is another, or none.
  static std::unique_ptr<Access> access_to(Device* device);

  float* allocate(std::size_t count) override;
  void release(float* memory) noexcept override;
  void zero(float* memory, std::size_t count) override;
  void upload(const float* from, float* to, std::size_t count) override;
  void download(const float* from, float* to, std::size_t count) override;
  void copy(const float* from, float* to, std::size_t count) override;
  std::unique_ptr<FiniteCheck> begin_finite_check(const float* values, std::size_t count) override;
  /// There is none.
  void* stream() override { return nullptr; }

 private:
  void open() noexcept;
  void close() noexcept;
  void protect(bool closed) noexcept;

  std::mutex mutex_;
  int accesses_ = 0;
  std::map<float*, std::size_t> bytes_;  // of each allocation
};

}  // namespace diffbir
