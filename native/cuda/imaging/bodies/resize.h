#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/imaging/bodies/launch.h"
#include "imaging/antialias.h"
#include "imaging/kernels.h"
#include "imaging/tile.h"

namespace diffbir::bodies {

/// Torch's antialiased bicubic in float32.
struct FloatResampling {
  using Value = float;
  using Weight = float;
  using Convert = ToFloat;
  using Finish = KeepFloat;
  static constexpr float start = 0;
};

/// Pillow's, of 8-bit pictures.
struct PilResampling {
  using Value = std::uint8_t;
  using Weight = std::int32_t;
  using Convert = ToFixedPoint;
  using Finish = FromFixedPoint;
  static constexpr std::int32_t start = pil_half;
};

/// The window and the weights of one output of an axis.
template <typename Arithmetic>
struct FillTaps {
  AntialiasedAxis axis;
  std::int64_t stride;
  TapWindow* windows;
  typename Arithmetic::Weight* weights;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t output) const {
    windows[output] =
        antialiased_window(axis, output, CubicFilter(), typename Arithmetic::Convert(), weights + output * stride);
  }
};

/// One value of [outer, out, inner], made of [outer, in, inner].
template <typename Arithmetic>
struct ResampleAxis {
  const typename Arithmetic::Value* input;
  typename Arithmetic::Value* output;
  std::int64_t in;
  std::int64_t out;
  std::int64_t inner;
  std::int64_t stride;
  const TapWindow* windows;
  const typename Arithmetic::Weight* weights;

  DIFFBIR_HOST_DEVICE void operator()(std::int64_t i) const {
    const std::int64_t place = i / inner % out;
    const std::int64_t o = i / inner / out;
    const TapWindow window = windows[place];
    output[i] = typename Arithmetic::Finish()(weighted_sum(input + (o * in + window.first) * inner + i % inner, inner,
                                                           weights + place * stride, window.count, Arithmetic::start));
  }
};

/// The middle axis of [outer, in, inner], which becomes `out` long.
template <typename Arithmetic, typename Launch>
void resample_axis(const Launch& launch, const typename Arithmetic::Value* input, std::int64_t outer, std::int64_t in,
                   std::int64_t inner, typename Arithmetic::Value* output, std::int64_t out, TapWindow* windows,
                   typename Arithmetic::Weight* weights) {
  const AntialiasedAxis axis(in, out, CubicFilter::support);
  const std::int64_t stride = axis.most_taps();
  launch(out, FillTaps<Arithmetic>{axis, stride, windows, weights});
  launch(outer * out * inner, ResampleAxis<Arithmetic>{input, output, in, out, inner, stride, windows, weights});
}

/// What a resize needs beside its input and its output.
template <typename Arithmetic>
struct ResizeScratch {
  TapWindow* windows;
  typename Arithmetic::Weight* weights;
  typename Arithmetic::Value* between;
  std::size_t bytes;

  ResizeScratch(void* memory, std::int64_t outer, Size from, std::int64_t inner, Size to) {
    const auto weights_of = [](std::int64_t in, std::int64_t out) {
      return out * AntialiasedAxis(in, out, CubicFilter::support).most_taps();
    };
    const std::int64_t columns = weights_of(from.width, to.width);
    const std::int64_t rows = weights_of(from.height, to.height);
    Scratch scratch(memory);
    windows = scratch.take<TapWindow>(to.width > to.height ? to.width : to.height);
    weights = scratch.take<typename Arithmetic::Weight>(columns > rows ? columns : rows);
    between = scratch.take<typename Arithmetic::Value>(outer * from.height * to.width * inner);
    bytes = scratch.used();
  }
};

/// Columns, then rows of [outer, height, width, inner]; an axis that keeps its length is left alone.
template <typename Arithmetic, typename Launch>
void resize(const Launch& launch, const typename Arithmetic::Value* input, std::int64_t outer, Size from,
            std::int64_t inner, typename Arithmetic::Value* output, Size to, void* memory) {
  if (from.width == to.width && from.height == to.height) {
    launch(outer * from.height * from.width * inner, Copy<typename Arithmetic::Value>{input, output});
    return;
  }
  const ResizeScratch<Arithmetic> scratch(memory, outer, from, inner, to);
  if (from.width != to.width) {
    typename Arithmetic::Value* const target = from.height == to.height ? output : scratch.between;
    resample_axis<Arithmetic>(launch, input, outer * from.height, from.width, inner, target, to.width, scratch.windows,
                              scratch.weights);
    input = target;
  }
  if (from.height != to.height) {
    resample_axis<Arithmetic>(launch, input, outer, from.height, to.width * inner, output, to.height, scratch.windows,
                              scratch.weights);
  }
}

template <typename Launch>
void resize_bicubic_antialias(const Launch& launch, const float* x, std::int64_t planes, Size from, float* out, Size to,
                              void* scratch) {
  resize<FloatResampling>(launch, x, planes, from, 1, out, to, scratch);
}

template <typename Launch>
void resize_bicubic_pil(const Launch& launch, const std::uint8_t* rgb, Size from, std::uint8_t* out, Size to,
                        void* scratch) {
  resize<PilResampling>(launch, rgb, 1, from, 3, out, to, scratch);
}

}  // namespace diffbir::bodies
