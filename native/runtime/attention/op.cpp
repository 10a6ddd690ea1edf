#include "runtime/attention/op.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <stdexcept>

#include "runtime/parallel_for.h"
#include "runtime/scratch.h"

namespace diffbir::runtime {
namespace {

using attention::keys_of_block;
using attention::queries_of_task;

std::size_t blocks_of(std::size_t count, std::size_t size) { return (count + size - 1) / size; }

/// The mean of `count` rows of `width` that are `stride` apart.
void mean_of(const float* rows, std::size_t stride, std::size_t count, std::size_t width, float* mean) {
  std::fill_n(mean, width, 0.0F);
  for (std::size_t row = 0; row < count; ++row) {
    for (std::size_t i = 0; i < width; ++i) mean[i] += rows[row * stride + i];
  }
  for (std::size_t i = 0; i < width; ++i) mean[i] /= static_cast<float>(count);
}

}  // namespace

AttentionKernel::AttentionKernel(const OrtKernelInfo* info) {
  const Ort::ConstKernelInfo attributes(info);
  width_ = static_cast<std::size_t>(attributes.GetAttribute<std::int64_t>("width"));
  kernels_ =
      attributes.GetAttribute<std::int64_t>("bytes") != 0 ? attention::byte_kernels() : attention::float_kernels();
  if (!kernels_ || !attention::takes(width_)) {
    throw std::invalid_argument("Attention needs AVX-512 and heads of 16, 32 or 64 channels");
  }
}

OrtStatusPtr AttentionKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  const Ort::KernelContext context(raw_context);
  const auto shape_of = [&](std::size_t input) {
    return context.GetInput(input).GetTensorTypeAndShapeInfo().GetShape();
  };
  const auto shape = shape_of(0);
  const auto key_shape = shape_of(1);
  if (shape.size() != 3 || key_shape.size() != 3 || shape_of(2) != key_shape || shape[0] != key_shape[0] ||
      shape[2] != key_shape[2] || shape[2] % static_cast<std::int64_t>(width_) != 0 || key_shape[1] < 1) {
    return Ort::Status("Attention needs q [B,L,C] and k, v [B,S,C] with whole heads", ORT_INVALID_ARGUMENT).release();
  }
  const float* q = context.GetInput(0).GetTensorData<float>();
  const float* k = context.GetInput(1).GetTensorData<float>();
  const float* v = context.GetInput(2).GetTensorData<float>();
  float* out = context.GetOutput(0, shape).GetTensorMutableData<float>();

  const auto batch = static_cast<std::size_t>(shape[0]);
  const auto queries = static_cast<std::size_t>(shape[1]);
  const auto channels = static_cast<std::size_t>(shape[2]);
  const auto keys = static_cast<std::size_t>(key_shape[1]);
  const std::size_t heads = channels / width_;
  const std::size_t blocks = blocks_of(keys, keys_of_block);
  const std::size_t block_bytes = kernels_->block_bytes(width_);
  Scratch<char> packed_keys(context, batch * heads * blocks * block_bytes);
  Scratch<char> packed_values(context, batch * heads * blocks * block_bytes);

  Scratch<float> centres(context, batch * channels);
  if (kernels_->centres_keys) {
    parallel_for(context, batch * heads, [&](std::size_t head) {
      const std::size_t first = head / heads * keys * channels + head % heads * width_;
      mean_of(k + first, channels, keys, width_, centres.data() + head * width_);
    });
  }

  // Head after head, in each block after block.
  parallel_for(context, batch * heads * blocks, [&](std::size_t index) {
    const std::size_t block = index % blocks;
    const std::size_t head = index / blocks % heads;
    const std::size_t item = index / blocks / heads;
    const std::size_t first = (item * keys + block * keys_of_block) * channels + head * width_;
    const std::size_t count = std::min(keys_of_block, keys - block * keys_of_block);
    kernels_->pack_keys(k + first, centres.data() + index / blocks * width_, channels, count, width_,
                        packed_keys.data() + index * block_bytes);
    kernels_->pack_values(v + first, channels, count, width_, packed_values.data() + index * block_bytes);
  });
  const std::size_t tasks = blocks_of(queries, queries_of_task);
  const float scale = 1.0F / std::sqrt(static_cast<float>(width_));
  parallel_for(context, batch * heads * tasks, [&](std::size_t index) {
    const std::size_t query = index % tasks * queries_of_task;
    const std::size_t head = index / tasks;
    const std::size_t first = (head / heads * queries + query) * channels + head % heads * width_;
    kernels_->attend(q + first, channels, std::min(queries_of_task, queries - query), scale,
                     packed_keys.data() + head * blocks * block_bytes,
                     packed_values.data() + head * blocks * block_bytes, keys, width_, out + first);
  });
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

}  // namespace diffbir::runtime
