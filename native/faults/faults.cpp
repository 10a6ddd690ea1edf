#include "faults/faults.h"

namespace diffbir::faults {
namespace {

constexpr int no_site = -1;

std::atomic<int> armed{no_site};
std::atomic<std::uint64_t> calls;
std::atomic<std::uint64_t> first_failure;
std::atomic<std::uint64_t> failures;

}  // namespace

Live live;

void arm(Site site, std::uint64_t first, std::uint64_t count) noexcept {
  calls = 0;
  first_failure = first;
  failures = count;
  armed = static_cast<int>(site);
}

std::uint64_t disarm() noexcept {
  armed = no_site;
  return calls;
}

bool fails(Site site) noexcept {
  if (armed != static_cast<int>(site)) return false;
  const std::uint64_t call = ++calls;
  return call >= first_failure && call - first_failure < failures;
}

}  // namespace diffbir::faults
