#include "runtime/int8/conv_op.h"

#include <algorithm>
#include <exception>
#include <vector>

#include "runtime/int8/product.h"
#include "runtime/parallel_for.h"
#include "runtime/scratch.h"

namespace diffbir::runtime {
namespace {

constexpr std::size_t pixels_to_quantize = 64;  // by one call of a thread

/// The input pixel under the upper left corner of the kernel; rows and columns wrap around below 0.
struct Corner {
  std::uint32_t item_start;  // number in the batch of its item's first pixel
  std::uint32_t y, x;
};

struct Tap {
  std::uint32_t y, x;
};

/// A convolution's places: which input pixel an output pixel sees at a position in the kernel.
struct Geometry {
  std::uint32_t height, width;          // of the input
  std::uint32_t out_height, out_width;  // of the output
  std::uint32_t kernel_height, kernel_width, stride, top, left;

  std::uint32_t plane() const { return height * width; }
  std::uint32_t out_plane() const { return out_height * out_width; }

  std::vector<Tap> taps() const {
    std::vector<Tap> taps;
    for (std::uint32_t y = 0; y < kernel_height; ++y) {
      for (std::uint32_t x = 0; x < kernel_width; ++x) taps.push_back({y, x});
    }
    return taps;
  }

  /// Of all output pixels. A table, since a product asks for each of them once a panel, tap and group, and divisions
  /// would take a tenth of its time.
  void fill(Corner* corners, std::uint32_t batch) const {
    for (std::uint32_t item = 0; item < batch; ++item) {
      for (std::uint32_t y = 0; y < out_height; ++y) {
        for (std::uint32_t x = 0; x < out_width; ++x)
          *corners++ = {item * plane(), y * stride - top, x * stride - left};
      }
    }
  }

  /// The input pixel's number in the batch, or -1 for the zeros around the picture.
  std::int64_t input_of(Corner corner, Tap tap) const {
    const std::uint32_t y = corner.y + tap.y;
    const std::uint32_t x = corner.x + tap.x;
    return y < height && x < width ? std::int64_t{corner.item_start} + y * width + x : -1;
  }
};

/// The picture in bytes: the channels of a pixel side by side, each group with its range.
struct Pixels {
  std::size_t groups, group;
  Scratch<std::uint8_t> bytes;
  Scratch<int8::Affine> affine;

  Pixels(const Ort::KernelContext& context, const Int8Weights& weights, std::size_t count)
      : groups(weights.groups_per_tap()),
        group(weights.group()),
        bytes(context, count * groups * group),
        affine(context, count * groups) {}

  int8::Group at(std::size_t pixel, std::size_t g) {
    return {bytes.data() + (pixel * groups + g) * group, affine[pixel * groups + g]};
  }
};

/// The input as it comes; what lies behind the first `half` items of the batch is taken relative to these.
struct Source {
  const float* x;
  std::size_t batch, half, channels, plane;
};

void quantize(const Ort::KernelContext& context, const int8::Kernels& kernels, const Source& source, Pixels& pixels) {
  const std::size_t plane = source.plane;
  const std::size_t blocks = (plane + pixels_to_quantize - 1) / pixels_to_quantize;
  parallel_for(context, source.batch * pixels.groups * blocks, [&](std::size_t index) {
    const std::size_t first = index % blocks * pixels_to_quantize;
    const std::size_t g = index / blocks % pixels.groups;
    const std::size_t item = index / blocks / pixels.groups;
    const std::size_t first_channel = std::min(source.channels, g * pixels.group);
    const std::size_t pixel = item * plane + first;
    const float* values = source.x + (item * source.channels + first_channel) * plane + first;
    const float* base = item < source.half ? nullptr : values - source.half * source.channels * plane;
    kernels.quantize_pixels(values, base, std::min(pixels_to_quantize, plane - first), plane,
                            std::min(pixels.group, source.channels - first_channel), pixels.group,
                            pixels.bytes.data() + (pixel * pixels.groups + g) * pixels.group,
                            pixels.groups * pixels.group, pixels.affine.data() + pixel * pixels.groups + g,
                            pixels.groups);
  });
}

}  // namespace

Int8ConvKernel::Int8ConvKernel(const OrtKernelInfo* info, const Int8Table& table)
    : attributes_(info, table),
      stride_(Ort::ConstKernelInfo(info).GetAttribute<std::int64_t>("stride")),
      pads_(Ort::ConstKernelInfo(info).GetAttributes<std::int64_t>("pads")) {}

OrtStatusPtr Int8ConvKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  const Ort::KernelContext context(raw_context);
  const Int8Weights& weights = *attributes_.weights;
  const int8::Kernels& kernels = *attributes_.kernels;
  const auto x = context.GetInput(0);
  const auto shape = x.GetTensorTypeAndShapeInfo().GetShape();
  const auto kernel_height = static_cast<std::int64_t>(weights.kernel_height());
  const auto kernel_width = static_cast<std::int64_t>(weights.kernel_width());
  if (shape.size() != 4 || shape[1] != static_cast<std::int64_t>(weights.inputs()) || pads_.size() != 4 ||
      stride_ < 1 || shape[2] + pads_[0] + pads_[2] < kernel_height || shape[3] + pads_[1] + pads_[3] < kernel_width) {
    return Ort::Status("Int8Conv needs NCHW with the channels of its weights and at least a kernel's size",
                       ORT_INVALID_ARGUMENT)
        .release();
  }
  const std::int64_t out_height = (shape[2] + pads_[0] + pads_[2] - kernel_height) / stride_ + 1;
  const std::int64_t out_width = (shape[3] + pads_[1] + pads_[3] - kernel_width) / stride_ + 1;
  if (shape[0] * std::max(shape[2] * shape[3], out_height * out_width) > INT32_MAX) {
    return Ort::Status("Int8Conv takes fewer than 2^31 pixels at once", ORT_INVALID_ARGUMENT).release();
  }
  const auto small = [](std::int64_t size) { return static_cast<std::uint32_t>(size); };
  const Geometry geometry{small(shape[2]),  small(shape[3]),      small(out_height),
                          small(out_width), small(kernel_height), small(kernel_width),
                          small(stride_),   small(pads_[0]),      small(pads_[1])};
  const auto batch = static_cast<std::size_t>(shape[0]);
  const std::size_t outputs = weights.outputs();
  const auto bias_value = context.GetInputCount() > 1 ? context.GetInput(1) : Ort::ConstValue{nullptr};
  const float* bias = bias_value ? bias_value.GetTensorData<float>() : nullptr;
  float* out = context.GetOutput(0, {shape[0], static_cast<std::int64_t>(outputs), out_height, out_width})
                   .GetTensorMutableData<float>();
  if (batch == 0) return nullptr;

  const bool paired = int8::is_paired(context, 2) && batch % 2 == 0;
  const std::size_t half = paired ? batch / 2 : batch;
  Pixels pixels(context, weights, batch * geometry.plane());
  const Source source{x.GetTensorData<float>(), batch, half, weights.inputs(), geometry.plane()};
  quantize(context, kernels, source, pixels);

  const std::vector<Tap> taps = geometry.taps();
  Scratch<Corner> corners(context, batch * geometry.out_plane());
  geometry.fill(corners.data(), small(shape[0]));
  const auto group_of = [&](std::size_t row, std::size_t tap, std::size_t g) {
    const std::int64_t pixel = geometry.input_of(corners[row], taps[tap]);
    // Of a zero only the range counts: any bytes times a scale of 0.
    return pixel < 0 ? int8::Group{pixels.bytes.data(), {0, 0}} : pixels.at(static_cast<std::size_t>(pixel), g);
  };
  const std::size_t plane = geometry.out_plane();
  const auto store = [&](std::size_t first, std::size_t count, std::size_t panel, const auto& sums) {
    const std::size_t first_output = panel * Int8Weights::panel_width;
    const std::size_t width = std::min(Int8Weights::panel_width, outputs - first_output);
    // The rows of a block can belong to two items of the batch.
    for (std::size_t row = first; row < first + count;) {
      const std::size_t item = row / plane;
      const std::size_t end = std::min(first + count, (item + 1) * plane);
      kernels.store_planes(sums[0] + (row - first) * Int8Weights::panel_width, end - row, width,
                           bias ? bias + first_output : nullptr,
                           out + (item * outputs + first_output) * plane + row % plane, plane);
      row = end;
    }
  };
  int8::product<1>(weights, kernels, {batch * plane, paired}, group_of, store).run(context);
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

}  // namespace diffbir::runtime
