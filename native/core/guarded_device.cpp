#include "core/guarded_device.h"

#include <algorithm>

#include "core/error.h"

#ifndef _WIN32
#include <sys/mman.h>
#endif

namespace diffbir {

GuardedDevice::~GuardedDevice() {
  while (!bytes_.empty()) release(bytes_.begin()->first);
}

std::unique_ptr<GuardedDevice::Access> GuardedDevice::access_to(Device* device) {
  auto* const guarded = dynamic_cast<GuardedDevice*>(device);
  return guarded ? std::make_unique<Access>(*guarded) : nullptr;
}

#ifdef _WIN32

float* GuardedDevice::allocate(std::size_t) { throw Error(ErrorCode::internal, "No guarded memory on Windows"); }
void GuardedDevice::release(float*) noexcept {}
void GuardedDevice::protect(bool) noexcept {}

#else

float* GuardedDevice::allocate(std::size_t count) {
  const std::size_t bytes = count * sizeof(float);
  void* const memory = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw Error(ErrorCode::out_of_memory, "No memory for a guarded device");
  auto* const numbers = static_cast<float*>(memory);
  const std::lock_guard lock(mutex_);
  bytes_.emplace(numbers, bytes);
  return numbers;
}

void GuardedDevice::release(float* memory) noexcept {
  const std::lock_guard lock(mutex_);
  const auto entry = bytes_.find(memory);
  munmap(memory, entry->second);
  bytes_.erase(entry);
}

void GuardedDevice::protect(bool closed) noexcept {
  for (const auto& [memory, bytes] : bytes_) mprotect(memory, bytes, closed ? PROT_NONE : PROT_READ | PROT_WRITE);
}

#endif

void GuardedDevice::open() noexcept {
  const std::lock_guard lock(mutex_);
  ++accesses_;
  protect(false);
}

void GuardedDevice::close() noexcept {
  const std::lock_guard lock(mutex_);
  if (--accesses_ == 0) protect(true);
}

void GuardedDevice::zero(float* memory, std::size_t count) {
  const Access access(*this);
  std::fill_n(memory, count, 0.0F);
}

void GuardedDevice::upload(const float* from, float* to, std::size_t count) { copy(from, to, count); }
void GuardedDevice::download(const float* from, float* to, std::size_t count) { copy(from, to, count); }

void GuardedDevice::copy(const float* from, float* to, std::size_t count) {
  const Access access(*this);
  std::copy_n(from, count, to);
}

std::unique_ptr<FiniteCheck> GuardedDevice::begin_finite_check(const float* values, std::size_t count) {
  const Access access(*this);
  return std::make_unique<HostCheck>(std::span(values, count));
}

}  // namespace diffbir
