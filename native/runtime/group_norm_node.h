#pragma once

#include <cstddef>
#include <cstdint>

#include "graph/ort.h"

namespace diffbir::runtime {

/// What the node of a diffbir.GroupNorm says to its kernels, the CPU's and CUDA's.
struct GroupNormNode {
  std::int64_t groups;
  float epsilon;
  bool silu;
  std::size_t index;  // of the network's normalisations

  explicit GroupNormNode(const OrtKernelInfo* info) {
    const Ort::ConstKernelInfo attributes(info);
    groups = attributes.GetAttribute<std::int64_t>("groups");
    epsilon = attributes.GetAttribute<float>("epsilon");
    silu = attributes.GetAttribute<std::int64_t>("silu") != 0;
    index = static_cast<std::size_t>(attributes.GetAttribute<std::int64_t>("index"));
  }

  /// Whether there are as many scales and biases as channels, and groups that divide them.
  bool fits(const Ort::KernelContext& context, std::int64_t channels) const {
    const auto has_one_each = [&](std::size_t input) {
      const std::size_t count = context.GetInput(input).GetTensorTypeAndShapeInfo().GetElementCount();
      return static_cast<std::int64_t>(count) == channels;
    };
    return groups >= 1 && channels % groups == 0 && has_one_each(1) && has_one_each(2);
  }

  /// Of inputs that do not fit, or are no feature map.
  static OrtStatusPtr refusal() {
    return Ort::Status(
               "GroupNorm needs a feature map, as many scales and biases as channels, and groups that divide them",
               ORT_INVALID_ARGUMENT)
        .release();
  }

  /// 0 where the whole picture is normalised.
  static std::int64_t ticket(const Ort::KernelContext& context) {
    return context.GetInputCount() > 3 ? *context.GetInput(3).GetTensorData<std::int64_t>() : 0;
  }
};

}  // namespace diffbir::runtime
