#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/device_memory.h"
#include "core/error.h"

namespace diffbir {

/// Sizes per axis. Images and latents are NCHW; token sequences are [B, L, C].
using Shape = std::vector<std::int64_t>;

/// Number of elements; throws Error(internal) on a negative size or when the product overflows.
std::size_t element_count(const Shape& shape);

/// "1x4x64x64", for messages.
std::string to_string(const Shape& shape);

/// A dense float32 array that owns its memory, the host's or a device's: what travels between the steps of the
/// pipeline. Row-major, no strides. Copies are deep and stay where the original is; move it where you can.
class Tensor {
 public:
  Tensor() = default;
  /// Zeros of the given shape on the host.
  explicit Tensor(Shape shape);
  /// Zeros in the memory of a device; null is the host.
  Tensor(Shape shape, std::shared_ptr<Device> device);
  /// Takes the values over; throws Error(internal) when their number does not fit the shape.
  Tensor(Shape shape, std::vector<float> values);
  Tensor(const Tensor& other);
  Tensor(Tensor&& other) noexcept;
  Tensor& operator=(Tensor other) noexcept;
  ~Tensor() = default;

  const Shape& shape() const noexcept { return shape_; }
  std::int64_t dim(std::size_t axis) const { return shape_.at(axis); }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Whose memory the values are in; null is the host.
  const std::shared_ptr<Device>& device() const noexcept { return memory_.device(); }
  /// The same values in the memory of a device, or of the host where it is null.
  Tensor to(const std::shared_ptr<Device>& device) const&;
  Tensor to(const std::shared_ptr<Device>& device) &&;
  Tensor to_host() const { return to(nullptr); }

  /// In the memory of device(): for core/each.h and for kernels, unless it is the host's.
  float* data() noexcept { return data_; }
  const float* data() const noexcept { return data_; }

  // Of a tensor on the host; all of them throw Error(internal) for another.
  std::span<float> values();
  std::span<const float> values() const;
  std::vector<float> release() &&;
  /// The H x W plane of one channel of one batch item; the tensor must be NCHW.
  std::span<float> plane(std::int64_t batch, std::int64_t channel);
  std::span<const float> plane(std::int64_t batch, std::int64_t channel) const;

 private:
  Shape shape_;
  std::vector<float> values_;  // on the host
  DeviceMemory memory_;        // on a device
  // Of whichever it is. Loops over data()[i] would not vectorise if they had to ask where the values are.
  std::size_t size_ = 0;
  float* data_ = nullptr;
  void locate() noexcept;
};

/// Zeros of the shape of x, where x is.
inline Tensor zeros_like(const Tensor& x) { return Tensor(x.shape(), x.device()); }

/// to[place + i] = from[first + i] for i < count, of two tensors in one memory. Throws Error(internal) where they are
/// not, and for places beyond an end.
void copy_values(const Tensor& from, std::size_t first, std::size_t count, Tensor& to, std::size_t place);

/// Throws Error(internal) that names `where` unless the tensor is NCHW with at least one row and one column.
void require_nchw(const Tensor& tensor, const std::string& where);

/// Throws Error(internal) that names `where` unless both have the same shape.
void require_same_shape(const Tensor& a, const Tensor& b, const std::string& where);

/// Whether no value is NaN or infinite.
bool all_finite(const Tensor& tensor);

/// Throws not_finite(where) when a value is NaN or infinite: never a black picture.
void require_finite(const Tensor& tensor, const std::string& where);
/// Error(numeric) that names `where`.
Error not_finite(const std::string& where);

}  // namespace diffbir
