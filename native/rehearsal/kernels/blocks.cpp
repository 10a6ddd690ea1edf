#include "rehearsal/kernels/blocks.h"

#include <ucontext.h>

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"

namespace diffbir::rehearsal {

namespace {

constexpr std::size_t kStackBytes = std::size_t{64} << 10;
constexpr unsigned kWarp = 32;

/// Runs one thread after the other, for as long as it is there.
struct Fiber {
  ucontext_t beginning;
  std::jmp_buf here;  // swapcontext() asks the system twice at each change, which is most of the time
  bool has_begun = false;
  std::vector<std::uint64_t> stack = std::vector<std::uint64_t>(kStackBytes / sizeof(std::uint64_t));
  unsigned barriers = 0;  // that it has come to
  unsigned shuffles = 0;  // as well
  float given[2] = {};    // to its warp: in the shuffle that runs, and in the one before, which others may still read
  bool has_ended = false;
};

struct Running {
  std::vector<Fiber> fibers;
  Fiber* current = nullptr;
  std::jmp_buf scheduler;
  Place place;
  std::vector<float4> shared;
  const std::function<void()>* thread = nullptr;
};

Running& running() {
  thread_local Running only;
  return only;
}

void let_others_run() {
  Running& block = running();
  if (_setjmp(block.current->here) == 0) _longjmp(block.scheduler, 1);
}

void run_threads() {
  for (;;) {
    (*running().thread)();
    running().current->has_ended = true;
    let_others_run();
  }
}

void resume(Running& block, Fiber& fiber) {
  block.current = &fiber;
  if (_setjmp(block.scheduler) != 0) return;
  if (fiber.has_begun) _longjmp(fiber.here, 1);
  fiber.has_begun = true;
  getcontext(&fiber.beginning);
  fiber.beginning.uc_stack = {fiber.stack.data(), 0, kStackBytes};
  makecontext(&fiber.beginning, run_threads, 0);
  setcontext(&fiber.beginning);
}

unsigned index_of(const Fiber& fiber) { return static_cast<unsigned>(&fiber - running().fibers.data()); }

/// How far the threads have come together.
std::uint64_t progress(const std::vector<Fiber>& fibers) {
  std::uint64_t sum = 0;
  for (const Fiber& fiber : fibers) sum += fiber.barriers + fiber.shuffles + (fiber.has_ended ? 1 : 0);
  return sum;
}

void run_block(const char* kernel, Running& block) {
  for (Fiber& fiber : block.fibers) {
    fiber.barriers = fiber.shuffles = 0;
    fiber.has_ended = false;
  }
  std::ranges::fill_n(reinterpret_cast<std::uint8_t*>(block.shared.data()), block.shared.size() * sizeof(float4), 0xFF);
  const auto run = [&](std::size_t index) {
    Fiber& fiber = block.fibers[index];
    if (fiber.has_ended) return;
    block.place.thread = {static_cast<unsigned>(index), 0, 0};
    resume(block, fiber);
  };
  const std::size_t count = block.fibers.size();
  while (!std::ranges::all_of(block.fibers, &Fiber::has_ended)) {
    const std::uint64_t before = progress(block.fibers);
    // Half of them upwards and half downwards: who reads what another one writes goes wrong.
    for (std::size_t index = 0; index < count; index += 2) run(index);
    for (std::size_t index = count - count % 2; index > 0; index -= 2) run(index - 1);
    if (progress(block.fibers) == before) {
      block.fibers.clear();  // which wait in the midst of a thread
      throw Error(ErrorCode::internal, std::string(kernel) + ": threads wait for others that never come");
    }
  }
}

}  // namespace

const Place& place() { return running().place; }

void* block_memory() { return running().shared.data(); }

void sync_threads() {
  Running& block = running();
  const unsigned own = ++block.current->barriers;
  const auto has_come = [&](const Fiber& fiber) { return fiber.barriers >= own; };
  while (!std::ranges::all_of(block.fibers, has_come)) let_others_run();
}

float shuffle_xor(float value, int distance) {
  Running& block = running();
  Fiber& own = *block.current;
  const unsigned number = ++own.shuffles;
  own.given[number % 2] = value;
  const unsigned first = index_of(own) / kWarp * kWarp;
  const auto have_come = [&] {
    if (first + kWarp > block.fibers.size()) return false;  // no whole warp
    const auto* const warp = block.fibers.data() + first;
    return std::all_of(warp, warp + kWarp, [&](const Fiber& fiber) { return fiber.shuffles >= number; });
  };
  while (!have_come()) let_others_run();
  return block.fibers[index_of(own) ^ static_cast<unsigned>(distance)].given[number % 2];
}

void run_blocks(const char* kernel, const dim3& blocks, unsigned threads, std::size_t shared_bytes,
                const std::function<void()>& thread) {
  Running& block = running();
  block.fibers.resize(threads);
  block.shared.resize((shared_bytes + sizeof(float4) - 1) / sizeof(float4));
  block.thread = &thread;
  block.place = {{}, {}, {threads, 1, 1}, blocks};
  for (unsigned y = 0; y < blocks.y; ++y) {
    for (unsigned x = 0; x < blocks.x; ++x) {
      block.place.block = {x, y, 0};
      run_block(kernel, block);
    }
  }
}

}  // namespace diffbir::rehearsal
