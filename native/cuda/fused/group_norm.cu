#include <algorithm>

#include "cuda/check.h"
#include "cuda/fused/fused.h"
#include "cuda/fused/vectors.cuh"

namespace diffbir::cuda {

namespace {

/// Sums over one part of a picture's area.
struct Sums {
  float values, squares;
};

constexpr int warp = 32;
constexpr std::int64_t most_threads = 512;
constexpr std::int64_t blocks_wanted = 1056;  // eight for each multiprocessor of a large GPU
constexpr std::int64_t most_parts = 256;

/// How the area of each picture is cut up. A block has `lanes` rows of threads, each of which covers all channels.
struct Cut {
  std::int64_t vectors, lanes, parts, pixels;

  explicit Cut(const FusedMap& map) : vectors(map.channels / Eight::width) {
    lanes = std::max<std::int64_t>(1, most_threads / vectors);
    const std::int64_t wanted = std::clamp<std::int64_t>(blocks_wanted / map.batch, 1, most_parts);
    pixels = std::max(lanes, (map.area + wanted - 1) / wanted);
    parts = (map.area + pixels - 1) / pixels;
  }
  dim3 grid(const FusedMap& map) const { return {static_cast<unsigned>(parts), static_cast<unsigned>(map.batch)}; }
  unsigned threads() const { return static_cast<unsigned>(vectors * lanes); }
};

__global__ void measure(Addends<Eight> input, bool is_skip_per_picture, Sums* sums, int area, int channels, int groups,
                        int pixels) {
  extern __shared__ float shared[];  // [lanes, channels] twice
  const int vectors = channels / Eight::width;
  const int lanes = static_cast<int>(blockDim.x) / vectors;
  const int lane = static_cast<int>(threadIdx.x) / vectors;
  const int vector = static_cast<int>(threadIdx.x) % vectors;
  const int begin = static_cast<int>(blockIdx.x) * pixels;
  const int end = min(begin + pixels, area);
  Floats values{};
  Floats squares{};
#pragma unroll 4
  for (int pixel = begin + lane; pixel < end; pixel += lanes) {
    const std::int64_t place = (static_cast<std::int64_t>(blockIdx.y) * area + pixel) * vectors + vector;
    const std::int64_t of_picture = static_cast<std::int64_t>(blockIdx.y) * vectors + vector;
    const Floats x = input(place, is_skip_per_picture ? of_picture : place, vector);
    for (int i = 0; i < Eight::width; ++i) {
      values.values[i] += x.values[i];
      squares.values[i] = fmaf(x.values[i], x.values[i], squares.values[i]);
    }
  }
  float* const all_squares = shared + lanes * channels;
  const int place = lane * channels + vector * Eight::width;
  for (int i = 0; i < Eight::width; ++i) {
    shared[place + i] = values.values[i];
    all_squares[place + i] = squares.values[i];
  }
  __syncthreads();
  for (int channel = static_cast<int>(threadIdx.x); channel < channels; channel += static_cast<int>(blockDim.x)) {
    for (int other = 1; other < lanes; ++other) {
      shared[channel] += shared[other * channels + channel];
      all_squares[channel] += all_squares[other * channels + channel];
    }
  }
  __syncthreads();
  const int grouped = channels / groups;
  for (int group = static_cast<int>(threadIdx.x); group < groups; group += static_cast<int>(blockDim.x)) {
    Sums total{0, 0};
    for (int channel = group * grouped; channel < (group + 1) * grouped; ++channel) {
      total.values += shared[channel];
      total.squares += all_squares[channel];
    }
    sums[(static_cast<std::int64_t>(blockIdx.y) * groups + group) * gridDim.x + blockIdx.x] = total;
  }
}

/// Of x, or of x + bias + what each picture has.
__global__ void normalize(const Eight* x, const Eight* bias, const Eight* of_pictures, const Sums* sums,
                          const float* gamma, const float* beta, Eight* y, int area, int channels, int groups,
                          int pixels, float epsilon, bool silu) {
  extern __shared__ float shared[];  // means and inverse deviations of the groups
  float* const inverse_deviations = shared + groups;
  const int parts = static_cast<int>(gridDim.x);
  const int grouped = channels / groups;
  const float count = static_cast<float>(grouped) * static_cast<float>(area);
  // A block is no multiple of a warp: its last threads leave this to the whole ones.
  const int warps = static_cast<int>(blockDim.x) / warp;
  const int own_warp = static_cast<int>(threadIdx.x) / warp;
  for (int group = own_warp; own_warp < warps && group < groups; group += warps) {
    const Sums* const own = sums + (static_cast<std::int64_t>(blockIdx.y) * groups + group) * parts;
    float values = 0;
    float squares = 0;
    for (int part = static_cast<int>(threadIdx.x) % warp; part < parts; part += warp) {
      values += own[part].values;
      squares += own[part].squares;
    }
    values = warp_sum(values);
    squares = warp_sum(squares);
    const float mean = values / count;
    shared[group] = mean;
    inverse_deviations[group] = rsqrtf(fmaxf(squares / count - mean * mean, 0) + epsilon);
  }
  __syncthreads();
  const int vectors = channels / Eight::width;
  const int lanes = static_cast<int>(blockDim.x) / vectors;
  const int vector = static_cast<int>(threadIdx.x) % vectors;
  Floats factors;
  Floats offsets;
  Floats added = bias ? to_floats(bias[vector]) : Floats{};
  if (of_pictures) {
    const Floats of_picture = to_floats(of_pictures[static_cast<std::int64_t>(blockIdx.y) * vectors + vector]);
    for (int i = 0; i < Eight::width; ++i) added.values[i] += of_picture.values[i];
  }
  for (int i = 0; i < Eight::width; ++i) {
    const int channel = vector * Eight::width + i;
    const int group = channel / grouped;
    factors.values[i] = inverse_deviations[group] * gamma[channel];
    offsets.values[i] = fmaf(added.values[i] - shared[group], factors.values[i], beta[channel]);
  }
  const int begin = static_cast<int>(blockIdx.x) * pixels;
  const int end = min(begin + pixels, area);
#pragma unroll 4
  for (int pixel = begin + static_cast<int>(threadIdx.x) / vectors; pixel < end; pixel += lanes) {
    const std::int64_t place = (static_cast<std::int64_t>(blockIdx.y) * area + pixel) * vectors + vector;
    Floats values = to_floats(x[place]);
    for (int i = 0; i < Eight::width; ++i) {
      const float value = fmaf(values.values[i], factors.values[i], offsets.values[i]);
      values.values[i] = silu ? __fdividef(value, 1 + __expf(-value)) : value;
    }
    y[place] = to_halves(values);
  }
}

}  // namespace

std::size_t fused_group_norm_scratch(const FusedMap& map) {
  return static_cast<std::size_t>(map.batch * map.groups * Cut(map).parts) * sizeof(Sums);
}

void fused_group_norm(const FusedInput& input, const FusedMap& map, const float* gamma, const float* beta,
                      float epsilon, bool silu, void* y, void* scratch, void* stream) {
  const Cut cut(map);
  const auto queue = static_cast<cudaStream_t>(stream);
  const auto area = static_cast<int>(map.area);
  const auto channels = static_cast<int>(map.channels);
  const auto groups = static_cast<int>(map.groups);
  const auto pixels = static_cast<int>(cut.pixels);
  auto* const sums = static_cast<Sums*>(scratch);
  const Addends<Eight> addends(input);
  const auto sums_bytes = static_cast<std::size_t>(2 * cut.lanes * map.channels) * sizeof(float);
  measure<<<cut.grid(map), cut.threads(), sums_bytes, queue>>>(addends, input.is_skip_per_picture, sums, area, channels,
                                                               groups, pixels);
  DIFFBIR_CUDA_CHECK(cudaGetLastError());
  const auto groups_bytes = static_cast<std::size_t>(2 * map.groups) * sizeof(float);
  const bool is_stored = addends.sum != nullptr;
  normalize<<<cut.grid(map), cut.threads(), groups_bytes, queue>>>(
      is_stored ? addends.sum : addends.x, is_stored ? nullptr : addends.bias, is_stored ? nullptr : addends.skip, sums,
      gamma, beta, static_cast<Eight*>(y), area, channels, groups, pixels, epsilon, silu);
  DIFFBIR_CUDA_CHECK(cudaGetLastError());
}

}  // namespace diffbir::cuda
