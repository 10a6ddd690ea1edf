#include <algorithm>
#include <cmath>

#include "cuda/fused/fused.h"
#include "cuda/fused/vectors.cuh"
#include "cuda/kernel.cuh"

namespace diffbir::cuda {

namespace {

/// Sums over one part of a picture's area.
struct alignas(8) Sums {
  float values, squares;
};

constexpr int warp = 32;
constexpr int at_once = 4;  // loads of maps that a thread has on their way: one at a time does not keep the memory busy
constexpr int most_threads = 512;
constexpr int blocks_at_once = 2;              // on a multiprocessor, at least
constexpr std::int64_t multiprocessors = 132;  // of a large GPU
constexpr std::int64_t most_parts = 256;

/// How the area of each picture is cut up. A block has `lanes` rows of threads, each of which covers all channels.
struct Cut {
  std::int64_t vectors, lanes, parts, pixels;

  explicit Cut(const FusedMap& map) : vectors(map.channels / Eight::width) {
    lanes = std::max<std::int64_t>(1, most_threads / vectors);
    // Each block of normalize() reads the sums of all parts: with `balanced`, a quarter as much as of x. Small maps
    // have more parts, so that every multiprocessor has a block, and large batches fewer, for eight blocks each.
    const auto balanced = static_cast<std::int64_t>(
        std::sqrt(static_cast<double>(map.area * map.channels) / static_cast<double>(16 * map.groups)));
    const std::int64_t least = std::max<std::int64_t>(1, multiprocessors / map.batch);
    const std::int64_t most = std::clamp<std::int64_t>(8 * multiprocessors / map.batch, 1, most_parts);
    const std::int64_t wanted = std::clamp(balanced, least, most);
    pixels = (map.area + wanted * lanes - 1) / (wanted * lanes) * lanes;
    parts = (map.area + pixels - 1) / pixels;
  }
  dim3 grid(const FusedMap& map) const { return {static_cast<unsigned>(parts), static_cast<unsigned>(map.batch)}; }
  unsigned threads() const { return static_cast<unsigned>(vectors * lanes); }
};

/// use(group, sum of term(group, i) for i < count), for each group by one thread. Of a block, which is no multiple of a
/// warp, the last threads leave this to the whole warps.
template <typename Term, typename Use>
__device__ void sum_groups(int groups, int count, const Term& term, const Use& use) {
  constexpr int readers = 8;  // of a group
  constexpr int groups_of_warp = warp / readers;
  const int thread = static_cast<int>(threadIdx.x);
  const int warps = static_cast<int>(blockDim.x) / warp;
  if (thread / warp >= warps) return;
  for (int first = thread / warp * groups_of_warp; first < groups; first += warps * groups_of_warp) {
    const int group = first + thread % warp / readers;
    const int end = group < groups ? count : 0;
    Sums total{0, 0};
#pragma unroll 4
    for (int i = thread % readers; i < end; i += readers) {
      const Sums one = term(group, i);
      total.values += one.values;
      total.squares += one.squares;
    }
    total = {warp_sum<readers>(total.values), warp_sum<readers>(total.squares)};
    if (group < groups && thread % readers == 0) use(group, total);
  }
}

/// `adds`: there is a skip or a bias.
template <bool adds>
__global__ void __launch_bounds__(most_threads, blocks_at_once)
    measure(Addends<Eight> input, bool is_skip_per_picture, Sums* sums, int area, int channels, int groups,
            int pixels) {
  auto* const shared = shared_memory<Floats>();  // [lanes, vectors] of values, then of squares
  const int vectors = channels / Eight::width;
  const int lanes = static_cast<int>(blockDim.x) / vectors;
  const int lane = static_cast<int>(threadIdx.x) / vectors;
  const int vector = static_cast<int>(threadIdx.x) % vectors;
  const int begin = static_cast<int>(blockIdx.x) * pixels;
  const int end = min(begin + pixels, area);
  const auto picture = static_cast<std::int64_t>(blockIdx.y);
  const auto place = [&](int pixel) { return (picture * area + pixel) * vectors + vector; };
  const Eight bias = adds && input.bias ? input.bias[vector] : Eight{};
  Floats values{};
  Floats squares{};
  constexpr int count = adds ? at_once / 2 : at_once;
  for (int pixel = begin + lane; pixel < end; pixel += count * lanes) {
    Eight loaded[count];
    Eight skip[count];
#pragma unroll
    for (int k = 0; k < count; ++k) {
      const int own = pixel + k * lanes;
      if (own >= end) continue;
      loaded[k] = input.x[place(own)];
      if (adds && input.skip) skip[k] = input.skip[is_skip_per_picture ? picture * vectors + vector : place(own)];
    }
#pragma unroll
    for (int k = 0; k < count; ++k) {
      const int own = pixel + k * lanes;
      if (own >= end) continue;
      const Floats x = adds ? input(loaded[k], skip[k], bias, place(own)) : to_floats(loaded[k]);
      for (int i = 0; i < Eight::width; ++i) {
        values.values[i] += x.values[i];
        squares.values[i] = fmaf(x.values[i], x.values[i], squares.values[i]);
      }
    }
  }
  shared[threadIdx.x] = values;
  shared[blockDim.x + threadIdx.x] = squares;
  __syncthreads();
  auto* const all_values = reinterpret_cast<float*>(shared);
  float* const all_squares = all_values + lanes * channels;
  for (int channel = static_cast<int>(threadIdx.x); channel < channels; channel += static_cast<int>(blockDim.x)) {
    Sums total{all_values[channel], all_squares[channel]};
    for (int other = 1; other < lanes; ++other) {
      total.values += all_values[other * channels + channel];
      total.squares += all_squares[other * channels + channel];
    }
    all_values[channel] = total.values;
    all_squares[channel] = total.squares;
  }
  __syncthreads();
  const int grouped = channels / groups;
  sum_groups(
      groups, grouped,
      [&](int group, int i) {
        return Sums{all_values[group * grouped + i], all_squares[group * grouped + i]};
      },
      [&](int group, Sums total) { sums[(picture * groups + group) * gridDim.x + blockIdx.x] = total; });
}

/// Of x, or of x + bias + what each picture has.
__global__ void __launch_bounds__(most_threads, blocks_at_once)
    normalize(const Eight* __restrict__ x, const Eight* __restrict__ bias, const Eight* __restrict__ of_pictures,
              const Sums* __restrict__ sums, const Floats* __restrict__ gamma, const Floats* __restrict__ beta,
              Eight* __restrict__ y, int area, int channels, int groups, int pixels, float epsilon, bool silu) {
  auto* const means = shared_memory<float>();  // and inverse deviations of the groups
  float* const inverse_deviations = means + groups;
  const int vectors = channels / Eight::width;
  const int lanes = static_cast<int>(blockDim.x) / vectors;
  const int vector = static_cast<int>(threadIdx.x) % vectors;
  const int begin = static_cast<int>(blockIdx.x) * pixels;
  const int end = min(begin + pixels, area);
  const auto picture = static_cast<std::int64_t>(blockIdx.y);
  x += picture * area * vectors + vector;
  y += picture * area * vectors + vector;
  const auto place = [&](int pixel) { return static_cast<std::int64_t>(pixel) * vectors; };
  // The first are on their way while the sums are read, and one more for each that is used.
  Eight loaded[at_once];
  int pixel = begin + static_cast<int>(threadIdx.x) / vectors;
#pragma unroll
  for (int k = 0; k < at_once; ++k) {
    if (pixel + k * lanes < end) loaded[k] = x[place(pixel + k * lanes)];
  }
  const int parts = static_cast<int>(gridDim.x);
  const int grouped = channels / groups;
  const float count = static_cast<float>(grouped) * static_cast<float>(area);
  sum_groups(
      groups, parts, [&](int group, int part) { return sums[(picture * groups + group) * parts + part]; },
      [&](int group, Sums total) {
        const float mean = total.values / count;
        means[group] = mean;
        inverse_deviations[group] = rsqrtf(fmaxf(total.squares / count - mean * mean, 0) + epsilon);
      });
  Floats factors = gamma[vector];
  Floats offsets = beta[vector];
  Floats added = bias ? to_floats(bias[vector]) : Floats{};
  if (of_pictures) {
    const Floats of_picture = to_floats(of_pictures[picture * vectors + vector]);
    for (int i = 0; i < Eight::width; ++i) added.values[i] += of_picture.values[i];
  }
  __syncthreads();
  for (int i = 0; i < Eight::width; ++i) {
    const int group = (vector * Eight::width + i) / grouped;
    factors.values[i] *= inverse_deviations[group];
    offsets.values[i] = fmaf(added.values[i] - means[group], factors.values[i], offsets.values[i]);
  }
  for (; pixel < end; pixel += at_once * lanes) {
#pragma unroll
    for (int k = 0; k < at_once; ++k) {
      const int own = pixel + k * lanes;
      const int next = own + at_once * lanes;
      if (own >= end) continue;
      Floats values = to_floats(loaded[k]);
      if (next < end) loaded[k] = x[place(next)];
      for (int i = 0; i < Eight::width; ++i) {
        const float value = fmaf(values.values[i], factors.values[i], offsets.values[i]);
        values.values[i] = silu ? __fdividef(value, 1 + __expf(-value)) : value;
      }
      y[place(own)] = to_halves(values);
    }
  }
}

}  // namespace

std::size_t fused_group_norm_scratch(const FusedMap& map) {
  return static_cast<std::size_t>(map.batch * map.groups * Cut(map).parts) * sizeof(Sums);
}

void fused_group_norm(const FusedInput& input, const FusedMap& map, const float* gamma, const float* beta,
                      float epsilon, bool silu, void* y, void* scratch, void* stream) {
  const Cut cut(map);
  const auto area = static_cast<int>(map.area);
  const auto channels = static_cast<int>(map.channels);
  const auto groups = static_cast<int>(map.groups);
  const auto pixels = static_cast<int>(cut.pixels);
  auto* const sums = static_cast<Sums*>(scratch);
  const Addends<Eight> addends(input);
  const auto sums_bytes = static_cast<std::size_t>(2 * cut.lanes * map.channels) * sizeof(float);
  const auto kernel = addends.skip != nullptr || addends.bias != nullptr ? measure<true> : measure<false>;
  launch_blocks(kernel, cut.grid(map), cut.threads(), sums_bytes, stream, addends, input.is_skip_per_picture, sums,
                area, channels, groups, pixels);
  const auto groups_bytes = static_cast<std::size_t>(2 * map.groups) * sizeof(float);
  const bool is_stored = addends.sum != nullptr;
  const Eight* const none = nullptr;
  launch_blocks(normalize, cut.grid(map), cut.threads(), groups_bytes, stream, is_stored ? addends.sum : addends.x,
                is_stored ? none : addends.bias, is_stored ? none : addends.skip, sums,
                reinterpret_cast<const Floats*>(gamma), reinterpret_cast<const Floats*>(beta), static_cast<Eight*>(y),
                area, channels, groups, pixels, epsilon, silu);
}

}  // namespace diffbir::cuda
