#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "weights/weight_table.h"

namespace diffbir {

/// The weights of a linear layer or a convolution as signed bytes, in the order in which a product with rows of bytes
/// reads them.
///
/// One output's weights are cut into groups of at most `largest_group` inputs of one tap (the position in a
/// convolution's kernel; a linear layer has one), each with a scale of its own: weight = scale * byte, byte in
/// -127..127. Panels of `panel_width` outputs lie one behind the other; missing outputs and inputs are zeros.
class Int8Weights {
 public:
  static constexpr std::size_t panel_width = 64;
  /// A multiple of `depth`. Larger groups cost less time, smaller ones give smaller errors.
  static constexpr std::size_t largest_group = 320;
  /// Inputs whose bytes one instruction multiplies and adds.
  static constexpr std::size_t depth = 4;

  /// weight [out, in] or [out, in, height, width], packed on so many threads. Throws Error(model_mismatch) for other
  /// ranks.
  explicit Int8Weights(const WeightView& weight, int threads = 1);

  std::size_t outputs() const noexcept { return outputs_; }
  std::size_t inputs() const noexcept { return inputs_; }
  std::size_t kernel_height() const noexcept { return kernel_height_; }
  std::size_t kernel_width() const noexcept { return kernel_width_; }
  std::size_t taps() const noexcept { return kernel_height_ * kernel_width_; }
  std::size_t panels() const noexcept { return (outputs_ + panel_width - 1) / panel_width; }

  /// Inputs of one group, a multiple of `depth`.
  std::size_t group() const noexcept { return group_; }
  std::size_t groups_per_tap() const noexcept { return groups_per_tap_; }

  /// Bytes of all weights.
  std::size_t size() const noexcept { return panels() * taps() * groups_per_tap_ * group_ * panel_width; }

  /// group() / depth times panel_width times depth bytes, aligned to 64.
  const std::int8_t* bytes(std::size_t panel, std::size_t tap, std::size_t group) const noexcept {
    return bytes_.get() + index(panel, tap, group) * group_ * panel_width;
  }
  /// For each output of the panel the scale of its bytes.
  const float* scales(std::size_t panel, std::size_t tap, std::size_t group) const noexcept {
    return scales_.data() + index(panel, tap, group) * panel_width;
  }
  /// For each output of the panel scale times the sum of its bytes: what a constant input of 1 gives.
  const float* sums(std::size_t panel, std::size_t tap, std::size_t group) const noexcept {
    return sums_.data() + index(panel, tap, group) * panel_width;
  }

 private:
  struct FreeAligned {
    void operator()(std::int8_t* bytes) const noexcept;
  };

  std::size_t index(std::size_t panel, std::size_t tap, std::size_t group) const noexcept {
    return (panel * taps() + tap) * groups_per_tap_ + group;
  }
  void pack_output(std::size_t output, const float* weights);

  std::size_t outputs_, inputs_, kernel_height_, kernel_width_;
  std::size_t group_, groups_per_tap_;
  std::unique_ptr<std::int8_t[], FreeAligned> bytes_;
  std::vector<float> scales_;
  std::vector<float> sums_;
};

}  // namespace diffbir
