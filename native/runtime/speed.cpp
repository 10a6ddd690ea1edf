#include "runtime/speed.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "graph/builder.h"
#include "runtime/network.h"

namespace diffbir::runtime {

double measure_speed(int threads, CancellationToken& token) {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t side = 1024;
  constexpr double operations = 2.0 * side * side * side;
  constexpr std::chrono::duration<double> time_to_spend(1.0 / 3);
  constexpr int fewest_runs = 2;  // the first one starts the threads

  graph::Builder b;
  const graph::Value product = b.matmul(b.input("a", {side, side}), b.input("b", {side, side}));
  b.output("product", product, 2);
  Network network(b.finish(), {.threads = threads, .token = &token});
  const Tensor ones({side, side}, std::vector<float>(side * side, 1.0F));

  double best = 0;
  const auto begin = Clock::now();
  for (int run = 0; run < fewest_runs || Clock::now() - begin < time_to_spend; ++run) {
    const Ort::Value inputs[] = {view(ones), view(ones)};
    const auto start = Clock::now();
    network.run(inputs, token);
    best = std::max(best, operations / std::chrono::duration<double>(Clock::now() - start).count() / 1e9);
  }
  return best;
}

}  // namespace diffbir::runtime
