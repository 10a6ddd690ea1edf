#include "imaging/on_device.h"

#include <cstring>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/guarded_device.h"
#include "cuda/imaging/bodies/adain.h"
#include "cuda/imaging/bodies/pixels.h"
#include "cuda/imaging/bodies/resize.h"
#include "cuda/imaging/bodies/tiles.h"
#include "cuda/imaging/bodies/wavelet.h"
#ifdef DIFFBIR_CUDA
#include "cuda/imaging/color_fix.h"
#include "cuda/imaging/pixels.h"
#include "cuda/imaging/resize.h"
#include "cuda/imaging/tiles.h"
#endif

namespace diffbir::on_device {
namespace {

Size size_of(const Tensor& x) { return {x.dim(2), x.dim(3)}; }
std::int64_t planes_of(const Tensor& x) { return x.dim(0) * x.dim(1); }

/// The kernels on a GPU, or their bodies on the host where the device is made of guarded host memory.
template <typename Kernels, typename Bodies>
void launch(const std::shared_ptr<Device>& device, const Kernels& kernels, const Bodies& bodies) {
  if (const auto access = GuardedDevice::access_to(device.get())) return bodies(bodies::OnHost());
  kernels(device->stream());
}

constexpr std::size_t floats_for(std::size_t bytes) { return (bytes + sizeof(float) - 1) / sizeof(float); }

DeviceMemory bytes_on(const std::shared_ptr<Device>& device, std::size_t bytes) { return {device, floats_for(bytes)}; }

std::size_t bytes_of(Size size) { return static_cast<std::size_t>(3 * size.height * size.width); }

std::uint8_t* bytes_in(const DeviceMemory& memory) { return reinterpret_cast<std::uint8_t*>(memory.data()); }

}  // namespace

// Kernels are named where there are some; elsewhere no GPU can be opened, so that launch() does not come to them.
#ifdef DIFFBIR_CUDA
#define DIFFBIR_KERNELS(...) [&](void* stream) { __VA_ARGS__; }
#else
#define DIFFBIR_KERNELS(...) [&](void*) { throw Error(ErrorCode::internal, "This build has no kernels for a device"); }
#endif

Tensor cut(const Tensor& x, std::span<const Tile> tiles, PadMode mode) {
  const std::int64_t count = std::ssize(tiles);
  Tensor out({count * x.dim(0), x.dim(1), tiles.front().height, tiles.front().width}, x.device());
  launch(x.device(),
         DIFFBIR_KERNELS(
             cuda::cut_tiles(x.data(), planes_of(x), size_of(x), tiles.data(), count, mode, out.data(), stream)),
         [&](const auto& on_host) {
           bodies::cut_tiles(on_host, x.data(), planes_of(x), size_of(x), tiles.data(), count, mode, out.data());
         });
  return out;
}

void paste(Tensor& whole, const Tensor& part, std::int64_t y, std::int64_t x) {
  const Tile own{0, 0, part.dim(2), part.dim(3)};
  launch(whole.device(),
         DIFFBIR_KERNELS(
             cuda::paste(part.data(), size_of(part), own, whole.data(), size_of(whole), y, x, planes_of(part), stream)),
         [&](const auto& on_host) {
           bodies::paste(on_host, part.data(), size_of(part), own, whole.data(), size_of(whole), y, x, planes_of(part));
         });
}

Blend::Blend(const Tensor& first, std::int64_t count, std::span<const float> weights, Size output)
    : weights_(Tensor({first.dim(2), first.dim(3)}, {weights.begin(), weights.end()}).to(first.device())),
      sum_({first.dim(0) / count, first.dim(1), output.height, output.width}, first.device()),
      weight_sum_({1, 1, output.height, output.width}, first.device()) {}

void Blend::add(const Tensor& outputs, std::span<const Tile> tiles, std::int64_t scale) {
  const std::int64_t count = std::ssize(tiles);
  const std::int64_t values = count * planes_of(sum_) * outputs.dim(2) * outputs.dim(3);
  const float* const last = outputs.data() + outputs.size() - values;
  launch(sum_.device(),
         DIFFBIR_KERNELS(cuda::add_tiles(last, weights_.data(), tiles.data(), count, scale, sum_.data(),
                                         weight_sum_.data(), planes_of(sum_), size_of(sum_), stream)),
         [&](const auto& on_host) {
           bodies::add_tiles(on_host, last, weights_.data(), tiles.data(), count, scale, sum_.data(),
                             weight_sum_.data(), planes_of(sum_), size_of(sum_));
         });
}

Tensor Blend::take() && {
  launch(
      sum_.device(),
      DIFFBIR_KERNELS(cuda::divide_by_weights(sum_.data(), weight_sum_.data(), planes_of(sum_), size_of(sum_), stream)),
      [&](const auto& on_host) {
        bodies::divide_by_weights(on_host, sum_.data(), weight_sum_.data(), planes_of(sum_), size_of(sum_));
      });
  return std::move(sum_);
}

Tensor resize_bicubic_antialias(const Tensor& x, Size to) {
  const Size from = size_of(x);
  Tensor out({x.dim(0), x.dim(1), to.height, to.width}, x.device());
  const bodies::ResizeScratch<bodies::FloatResampling> needed(nullptr, planes_of(x), from, 1, to);
  const DeviceMemory scratch = bytes_on(x.device(), needed.bytes);
  launch(x.device(),
         DIFFBIR_KERNELS(
             cuda::resize_bicubic_antialias(x.data(), planes_of(x), from, out.data(), to, scratch.data(), stream)),
         [&](const auto& on_host) {
           bodies::resize_bicubic_antialias(on_host, x.data(), planes_of(x), from, out.data(), to, scratch.data());
         });
  return out;
}

void to_signed(Tensor& x) {
  const auto count = static_cast<std::int64_t>(x.size());
  launch(x.device(), DIFFBIR_KERNELS(cuda::to_signed(x.data(), count, x.data(), stream)),
         [&](const auto& on_host) { bodies::to_signed(on_host, x.data(), count, x.data()); });
}

void to_unsigned(Tensor& x) {
  const auto count = static_cast<std::int64_t>(x.size());
  launch(x.device(), DIFFBIR_KERNELS(cuda::to_unsigned(x.data(), count, x.data(), stream)),
         [&](const auto& on_host) { bodies::to_unsigned(on_host, x.data(), count, x.data()); });
}

Tensor wavelet_reconstruction(Tensor content, const Tensor& style) {
  const Size size = size_of(content);
  const std::int64_t planes = planes_of(content);
  const DeviceMemory scratch = bytes_on(content.device(), bodies::WaveletScratch(nullptr, size).bytes);
  launch(
      content.device(),
      DIFFBIR_KERNELS(cuda::wavelet_reconstruction(content.data(), style.data(), planes, size, scratch.data(), stream)),
      [&](const auto& on_host) {
        bodies::wavelet_reconstruction(on_host, content.data(), style.data(), planes, size, scratch.data());
      });
  return content;
}

Tensor adaptive_instance_normalization(Tensor content, const Tensor& style) {
  const Size size = size_of(content);
  const std::int64_t planes = planes_of(content);
  const DeviceMemory scratch = bytes_on(content.device(), bodies::AdainScratch(nullptr, planes, size).bytes);
  launch(content.device(),
         DIFFBIR_KERNELS(cuda::adaptive_instance_normalization(content.data(), style.data(), planes, size,
                                                               content.data(), scratch.data(), stream)),
         [&](const auto& on_host) {
           bodies::adaptive_instance_normalization(on_host, content.data(), style.data(), planes, size, content.data(),
                                                   scratch.data());
         });
  return content;
}

DevicePicture::DevicePicture(Size size, std::shared_ptr<Device> device)
    : size_(size), memory_(std::move(device), floats_for(bytes_of(size))) {}

DevicePicture::DevicePicture(const Image& image, std::shared_ptr<Device> device)
    : DevicePicture(Size{image.height, image.width}, std::move(device)) {
  std::vector<float> bytes(memory_.size());  // a Device counts in floats
  std::memcpy(bytes.data(), image.rgb.data(), bytes_of(size_));
  memory_.device()->upload(bytes.data(), memory_.data(), bytes.size());
}

DevicePicture DevicePicture::resized_bicubic_pil(Size to) const {
  DevicePicture out(to, memory_.device());
  const bodies::ResizeScratch<bodies::PilResampling> needed(nullptr, 1, size_, 3, to);
  const DeviceMemory scratch = bytes_on(memory_.device(), needed.bytes);
  std::uint8_t* const rgb = bytes_in(out.memory_);
  launch(memory_.device(),
         DIFFBIR_KERNELS(cuda::resize_bicubic_pil(bytes_in(memory_), size_, rgb, to, scratch.data(), stream)),
         [&](const auto& on_host) {
           bodies::resize_bicubic_pil(on_host, bytes_in(memory_), size_, rgb, to, scratch.data());
         });
  return out;
}

Tensor DevicePicture::tiles(std::span<const Tile> tiles) const {
  const std::int64_t count = std::ssize(tiles);
  Tensor out({count, 3, tiles.front().height, tiles.front().width}, memory_.device());
  launch(memory_.device(),
         DIFFBIR_KERNELS(cuda::image_to_tensor(bytes_in(memory_), size_, tiles.data(), count, out.data(), stream)),
         [&](const auto& on_host) {
           bodies::image_to_tensor(on_host, bytes_in(memory_), size_, tiles.data(), count, out.data());
         });
  return out;
}

Image tensor_to_image(const Tensor& x, std::int64_t batch, Rounding rounding) {
  const Size size = size_of(x);
  const float* const item = x.data() + batch * 3 * size.height * size.width;
  const DeviceMemory memory = bytes_on(x.device(), bytes_of(size));
  launch(x.device(), DIFFBIR_KERNELS(cuda::tensor_to_image(item, size, rounding, bytes_in(memory), stream)),
         [&](const auto& on_host) { bodies::tensor_to_image(on_host, item, size, rounding, bytes_in(memory)); });
  std::vector<float> bytes(memory.size());
  x.device()->download(memory.data(), bytes.data(), bytes.size());
  Image image{size.width, size.height, std::vector<std::uint8_t>(bytes_of(size))};
  std::memcpy(image.rgb.data(), bytes.data(), image.rgb.size());
  return image;
}

}  // namespace diffbir::on_device
