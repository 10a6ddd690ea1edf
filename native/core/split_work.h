#pragma once

#include <algorithm>
#include <cstddef>
#include <future>
#include <system_error>
#include <vector>

namespace diffbir {

/// Calls work(first, end) for parts that cover 0 <= i < count, on up to `threads` threads, this one among them; where
/// there are several, each has at least `least`. Returns or throws when all are through: what this thread's part threw,
/// else the first of the others. Where the system has no more threads this one does their work.
template <typename Work>
void split_work(std::size_t count, std::size_t least, int threads, const Work& work) {
  const std::size_t most = std::max<std::size_t>(1, count / std::max<std::size_t>(1, least));
  const std::size_t parts = std::min(most, static_cast<std::size_t>(std::max(1, threads)));
  const auto begin = [&](std::size_t part) { return count / parts * part + std::min(part, count % parts); };
  std::vector<std::future<void>> others;
  std::size_t own = parts;  // from here on nobody else
  for (std::size_t part = 1; part < parts && own == parts; ++part) {
    try {
      others.push_back(std::async(std::launch::async, [&, part] { work(begin(part), begin(part + 1)); }));
    } catch (const std::system_error&) {
      own = part;
    }
  }
  work(begin(0), begin(1));
  for (std::size_t part = own; part < parts; ++part) work(begin(part), begin(part + 1));
  for (std::future<void>& other : others) other.get();
}

}  // namespace diffbir
