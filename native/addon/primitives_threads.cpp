#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "addon/convert.h"
#include "addon/primitives.h"
#include "core/error.h"
#include "core/split_work.h"

namespace diffbir {
namespace {

/// splitWork(count, least, threads, failing): how often each index was in a part (split_work.h). The part that has the
/// index `failing` throws; -1: none.
Napi::Value split_work_primitive(const Napi::CallbackInfo& info) {
  constexpr std::int64_t most = 1 << 20;
  const auto count = static_cast<std::size_t>(to_integer(info[0], "count", 0, most));
  const auto least = static_cast<std::size_t>(to_integer(info[1], "least", 0, most));
  const auto threads = static_cast<int>(to_integer(info[2], "threads", 1, 64));
  const std::int64_t failing = to_integer(info[3], "failing", -1, most);
  std::vector<std::int32_t> visits(count);
  split_work(count, least, threads, [&](std::size_t first, std::size_t end) {
    for (std::size_t i = first; i < end; ++i) {
      if (static_cast<std::int64_t>(i) == failing) throw Error(ErrorCode::internal, "part of " + std::to_string(i));
      ++visits[i];
    }
  });
  return from_int32s(info.Env(), visits);
}

}  // namespace

void add_thread_primitives(Napi::Object primitives) { set_function(primitives, "splitWork", split_work_primitive); }

}  // namespace diffbir
