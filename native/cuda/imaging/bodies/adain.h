#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "cuda/imaging/bodies/launch.h"
#include "imaging/kernels.h"
#include "imaging/tile.h"

namespace diffbir::bodies {

/// Numbers that one index adds up.
constexpr std::int64_t sum_fan_in = 64;

constexpr std::int64_t partial_sums(std::int64_t values) { return (values + sum_fan_in - 1) / sum_fan_in; }

/// A partial sum of the values of a plane, or of their squared distances from the plane's mean: every parts-th value,
/// so that neighbours read neighbours.
struct SumPlane {
  const float* x;
  const double* means;  // nullptr: the values themselves
  double* sums;
  std::int64_t area;
  std::int64_t parts;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t plane = i / parts;
    double sum = 0;
    for (std::int64_t k = i % parts; k < area; k += parts) {
      const double value = x[plane * area + k];
      const double distance = means == nullptr ? 0 : value - means[plane];
      sum += means == nullptr ? value : distance * distance;
    }
    sums[i] = sum;
  }
};

/// The same of partial sums.
struct SumParts {
  const double* in;
  double* out;
  std::int64_t count;
  std::int64_t parts;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    double sum = 0;
    for (std::int64_t k = i % parts; k < count; k += parts) sum += in[i / parts * count + k];
    out[i] = sum;
  }
};

struct Mean {
  const double* sums;
  double* means;
  std::int64_t area;
  DIFFBIR_HOST_DEVICE void operator()(std::int64_t plane) const {
    means[plane] = sums[plane] / static_cast<double>(area);
  }
};

struct Deviation {
  const double* squares;
  double* deviations;
  std::int64_t area;
  DIFFBIR_HOST_DEVICE void operator()(std::int64_t plane) const {
    deviations[plane] = deviation_of(squares[plane], area);
  }
};

struct Restyle {
  const float* x;
  float* out;
  std::int64_t area;
  const double* means;
  const double* deviations;
  const double* style_means;
  const double* style_deviations;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t plane = i / area;
    const double gain = style_deviations[plane] / deviations[plane];
    out[i] = restyled(x[i], means[plane], gain, style_means[plane]);
  }
};

struct AdainScratch {
  double* sums[2];
  double* statistics;  // means and deviations of both pictures
  std::size_t bytes;

  AdainScratch(void* memory, std::int64_t planes, Size size) {
    const std::int64_t parts = partial_sums(size.height * size.width);
    Scratch scratch(memory);
    sums[0] = scratch.take<double>(planes * parts);
    sums[1] = scratch.take<double>(planes * partial_sums(parts));
    statistics = scratch.take<double>(4 * planes);
    bytes = scratch.used();
  }
};

/// One sum a plane, in a tree: the order of additions depends on the area alone. The result is in one of `buffers`.
template <typename Launch>
const double* sum_planes(const Launch& launch, const float* x, const double* means, std::int64_t planes,
                         std::int64_t area, double* const* buffers) {
  std::int64_t count = partial_sums(area);
  launch(planes * count, SumPlane{x, means, buffers[0], area, count});
  int level = 0;
  for (; count > 1; ++level) {
    const std::int64_t parts = partial_sums(count);
    launch(planes * parts, SumParts{buffers[level % 2], buffers[(level + 1) % 2], count, parts});
    count = parts;
  }
  return buffers[level % 2];
}

template <typename Launch>
void adaptive_instance_normalization(const Launch& launch, const float* content, const float* style,
                                     std::int64_t planes, Size size, float* out, void* memory) {
  const std::int64_t area = size.height * size.width;
  const AdainScratch scratch(memory, planes, size);
  double* const statistics[4] = {scratch.statistics, scratch.statistics + planes, scratch.statistics + 2 * planes,
                                 scratch.statistics + 3 * planes};
  const float* const pictures[2] = {content, style};
  for (int picture = 0; picture < 2; ++picture) {
    double* const means = statistics[2 * picture];
    launch(planes, Mean{sum_planes(launch, pictures[picture], nullptr, planes, area, scratch.sums), means, area});
    const double* const squares = sum_planes(launch, pictures[picture], means, planes, area, scratch.sums);
    launch(planes, Deviation{squares, statistics[2 * picture + 1], area});
  }
  launch(planes * area, Restyle{content, out, area, statistics[0], statistics[1], statistics[2], statistics[3]});
}

}  // namespace diffbir::bodies
