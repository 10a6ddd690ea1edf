#include "runtime/environment.h"

#include <cstddef>
#include <memory>

#include "runtime/ort_library.h"

#ifdef __GLIBC__
#include <malloc.h>

#include <cstdlib>
#include <string_view>
#endif

namespace diffbir::runtime {

namespace {

/// Each of glibc's heaps, several for each processor, keeps freed memory at its end: as much as twice the largest block
/// that was ever freed, up to 64 MiB, and malloc_trim() does not reach it. A server would need more and more until all
/// have seen its largest picture. Whoever sets the threshold has their own reasons.
void keep_heaps_small() {
#ifdef __GLIBC__
  constexpr int kept = 1 << 20;         // bytes at the end of a heap
  constexpr int own_mapping = 8 << 20;  // bytes from which a block is mapped by itself
  const char* tunables = std::getenv("GLIBC_TUNABLES");
  if (std::getenv("MALLOC_TRIM_THRESHOLD_") != nullptr) return;
  if (tunables != nullptr && std::string_view(tunables).find("trim_threshold") != std::string_view::npos) return;
  mallopt(M_TRIM_THRESHOLD, kept);
  mallopt(M_MMAP_THRESHOLD, own_mapping);
#endif
}

}  // namespace

Ort::Env& environment() {
  require_ort_library();
  static auto* const env = [] {
    keep_heaps_small();
    auto made = std::make_unique<Ort::Env>(log_level, "diffbir");
    made->DisableTelemetryEvents();  // Windows asks for nothing else; elsewhere open_ort_library() has done it
    // One arena for all networks, since they run one after the other: with an arena each, every stage would keep its
    // peak while the next one runs. It grows by what is asked for, where the default doubles.
    constexpr std::size_t no_limit = 0;
    constexpr int as_requested = 1;
    constexpr int chosen_by_the_arena = -1;
    const Ort::ArenaCfg arena(no_limit, as_requested, chosen_by_the_arena, chosen_by_the_arena);
    made->CreateAndRegisterAllocator(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault), arena);
    return made.release();
  }();
  return *env;
}

void return_free_memory() noexcept {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace diffbir::runtime
