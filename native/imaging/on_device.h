#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "core/device_memory.h"
#include "core/image.h"
#include "core/tensor.h"
#include "imaging/tile.h"

/// The functions of imaging/ for tensors that lie on a device: what those of the same name in pad.h, tiling.h,
/// resize.h, pixels.h, wavelet.h and adain.h call. They check nothing.
namespace diffbir::on_device {

/// n >= 1 tiles of one size of x [B,C,H,W], one after the other: [n B,C,h,w]. They may end beyond x, right and below.
Tensor cut(const Tensor& x, std::span<const Tile> tiles, PadMode mode);

void paste(Tensor& whole, const Tensor& part, std::int64_t y, std::int64_t x);

/// The sums of blend_tiles().
class Blend {
 public:
  /// For outputs like `first`, those of the first `count` tiles; `weights` are of one tile's output.
  Blend(const Tensor& first, std::int64_t count, std::span<const float> weights, Size output);
  /// The last of the outputs are those of `tiles`.
  void add(const Tensor& outputs, std::span<const Tile> tiles, std::int64_t scale);
  Tensor take() &&;

 private:
  Tensor weights_;
  Tensor sum_;
  Tensor weight_sum_;
};

Tensor resize_bicubic_antialias(const Tensor& x, Size to);
void to_signed(Tensor& x);
void to_unsigned(Tensor& x);
Tensor wavelet_reconstruction(Tensor content, const Tensor& style);
Tensor adaptive_instance_normalization(Tensor content, const Tensor& style);

/// An 8-bit picture [H,W,3].
class DevicePicture {
 public:
  DevicePicture(const Image& image, std::shared_ptr<Device> device);

  Size size() const noexcept { return size_; }
  DevicePicture resized_bicubic_pil(Size to) const;
  /// As image_to_tensor().
  Tensor tiles(std::span<const Tile> tiles) const;

 private:
  DevicePicture(Size size, std::shared_ptr<Device> device);
  const std::uint8_t* rgb() const;

  Size size_;
  DeviceMemory memory_;
};

/// Item `batch` of x [B,3,H,W], in host memory. Waits for all that was queued before.
Image tensor_to_image(const Tensor& x, std::int64_t batch, Rounding rounding);

}  // namespace diffbir::on_device
