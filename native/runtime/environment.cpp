#include "runtime/environment.h"

#include <cstddef>
#include <memory>

#include "runtime/ort_library.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace diffbir::runtime {

Ort::Env& environment() {
  require_ort_library();
  static auto* const env = [] {
    auto made = std::make_unique<Ort::Env>(ORT_LOGGING_LEVEL_ERROR, "diffbir");
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
