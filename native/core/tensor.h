#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace diffbir {

/// Sizes per axis. Images and latents are NCHW; token sequences are [B, L, C].
using Shape = std::vector<std::int64_t>;

/// Number of elements; throws Error(internal) on a negative size or when the product overflows.
std::size_t element_count(const Shape& shape);

/// "1x4x64x64", for messages.
std::string to_string(const Shape& shape);

/// A dense float32 array that owns its memory: what travels between the steps of the pipeline.
/// Row-major, no strides. Copies are deep; move it where you can.
class Tensor {
 public:
  Tensor() = default;
  /// Zeros of the given shape.
  explicit Tensor(Shape shape);
  /// Takes the values over; throws Error(internal) when their number does not fit the shape.
  Tensor(Shape shape, std::vector<float> values);

  const Shape& shape() const noexcept { return shape_; }
  std::int64_t dim(std::size_t axis) const { return shape_.at(axis); }
  std::size_t size() const noexcept { return values_.size(); }
  bool empty() const noexcept { return values_.empty(); }

  float* data() noexcept { return values_.data(); }
  const float* data() const noexcept { return values_.data(); }
  std::span<float> values() noexcept { return values_; }
  std::span<const float> values() const noexcept { return values_; }
  std::vector<float> release() && { return std::move(values_); }

  /// The H x W plane of one channel of one batch item; the tensor must be NCHW.
  std::span<float> plane(std::int64_t batch, std::int64_t channel);
  std::span<const float> plane(std::int64_t batch, std::int64_t channel) const;

 private:
  Shape shape_;
  std::vector<float> values_;
};

/// Throws Error(internal) that names `where` unless the tensor is NCHW with at least one row and one column.
void require_nchw(const Tensor& tensor, const std::string& where);

/// Throws Error(internal) that names `where` unless both have the same shape.
void require_same_shape(const Tensor& a, const Tensor& b, const std::string& where);

/// Throws Error(numeric) that names `where` when a value is NaN or infinite: never a black picture.
void require_finite(const Tensor& tensor, const std::string& where);

}  // namespace diffbir
