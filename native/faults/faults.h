#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

/// Fault injection: lets the n-th call of a kind fail. It is a part of the addon for tests alone, which is linked from
/// the very objects of the shipped one: the linker leads what they ask of the system through the functions of this
/// folder (`-Wl,--wrap`, CMakeLists.txt), so that the product has no hook.
namespace diffbir::faults {

/// What can fail.
enum class Site {
  allocation,    // malloc and its relatives, and so operator new, of the addon alone
  work_buffer,   // what ONNX Runtime allocates for tensors
  runtime_call,  // building a graph, making a session, running it
  file,          // opening, measuring or mapping a file
  thread,        // starting a thread
};
inline constexpr std::size_t sites = 5;

/// How many of a kind there are now.
struct Live {
  std::atomic<std::int64_t> allocations, work_buffers, sessions, files, mappings;
};
extern Live live;

/// From now on the calls number `first` to `first` + `count` - 1 at the site fail; counted from 1, on all threads.
void arm(Site site, std::uint64_t first, std::uint64_t count) noexcept;

/// Nothing fails any more. Returns how many calls there were at the site since arm().
std::uint64_t disarm() noexcept;

/// Counts a call, and tells whether it has to fail.
bool fails(Site site) noexcept;

}  // namespace diffbir::faults
