#include "nets/retinaface.h"

#include <array>
#include <cstdint>
#include <vector>

namespace diffbir::nets {

using graph::Builder;
using graph::Graph;
using graph::Module;
using graph::Value;

namespace {

constexpr std::int64_t anchors = 2;  // at each place

Value relu(Builder& b, const Value& x) { return b.op("Relu", {x}); }

/// A convolution and its normalisation, children 0 and 1 of a Sequential.
Value conv_bn(Builder& b, const Value& x, const Module& m) { return b.batch_norm(b.conv(x, m[0]), m[1]); }

/// torchvision's Bottleneck: the 3x3 convolution has the stride.
Value bottleneck(Builder& b, const Value& x, const Module& m, std::int64_t stride) {
  Value y = relu(b, b.batch_norm(b.conv(x, m["conv1"]), m["bn1"]));
  y = relu(b, b.batch_norm(b.conv(y, m["conv2"], {.stride = stride}), m["bn2"]));
  y = b.batch_norm(b.conv(y, m["conv3"]), m["bn3"]);
  const Module shortcut = m["downsample"];
  const bool projects = shortcut.has("0.weight");
  const Value kept = projects ? b.batch_norm(b.conv(x, shortcut[0], {.stride = stride}), shortcut[1]) : x;
  return relu(b, b.add(y, kept));
}

Value layer(Builder& b, Value x, const Module& m, std::int64_t stride) {
  x = bottleneck(b, x, m[0], stride);
  for (std::int64_t i = 1; m[i].has("conv1.weight"); ++i) x = bottleneck(b, x, m[i], 1);
  return b.mark(m, x, 4);
}

/// Feature maps at 1/8, 1/16 and 1/32.
std::array<Value, 3> resnet(Builder& b, const Value& x, const Module& m) {
  Value h = relu(b, b.batch_norm(b.conv(x, m["conv1"], {.stride = 2}), m["bn1"]));
  h = b.op("MaxPool", {h},
           {{"kernel_shape", std::vector<std::int64_t>{3, 3}},
            {"strides", std::vector<std::int64_t>{2, 2}},
            {"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
  h = layer(b, h, m["layer1"], 1);
  const Value eighth = layer(b, h, m["layer2"], 2);
  const Value sixteenth = layer(b, eighth, m["layer3"], 2);
  return {eighth, sixteenth, layer(b, sixteenth, m["layer4"], 2)};
}

/// The feature pyramid: what coarser maps know is added to the finer ones.
std::array<Value, 3> pyramid(Builder& b, const std::array<Value, 3>& features, const Module& m) {
  const auto lateral = [&](std::size_t level, const char* name) {
    return relu(b, conv_bn(b, features.at(level), m[name]));
  };
  const auto merged = [&](const Value& fine, const Value& coarse, const char* name) {
    return relu(b, conv_bn(b, b.add(fine, b.resize_nearest_like(coarse, fine)), m[name]));
  };
  const Value coarse = lateral(2, "output3");
  const Value middle = merged(lateral(1, "output2"), coarse, "merge2");
  return {merged(lateral(0, "output1"), middle, "merge1"), middle, coarse};
}

/// The context module (SSH): fields of view of 3, 5 and 7 side by side.
Value context(Builder& b, const Value& x, const Module& m) {
  const Value five = relu(b, conv_bn(b, x, m["conv5X5_1"]));
  const Value seven = relu(b, conv_bn(b, five, m["conv7X7_2"]));
  return b.mark(m,
                relu(b, b.concat({conv_bn(b, x, m["conv3X3"]), conv_bn(b, five, m["conv5X5_2"]),
                                  conv_bn(b, seven, m["conv7x7_3"])},
                                 1)),
                4);
}

/// [B, anchors * values, h, w] -> [B, h w anchors, values]
Value predictions(Builder& b, const Value& x, const Module& m, std::int64_t values) {
  b.parameter(m["conv1x1"], "weight", {anchors * values, -1, 1, 1});
  const Value places = b.transpose(b.conv(x, m["conv1x1"]), {0, 2, 3, 1});
  return b.reshape(places, {std::int64_t{0}, std::int64_t{-1}, values});
}

Value head(Builder& b, const std::array<Value, 3>& features, const Module& m, std::int64_t values) {
  std::vector<Value> levels;
  for (std::size_t level = 0; level < features.size(); ++level) {
    levels.push_back(predictions(b, features.at(level), m[level], values));
  }
  return b.concat(levels, 1);
}

}  // namespace

Graph retinaface(const Module& m, const graph::BuildOptions& options) {
  Builder b(options);
  const Value x = b.input("x", {-1, 3, -1, -1});
  const auto maps = pyramid(b, resnet(b, x, m["body"]), m["fpn"]);
  const std::array features{context(b, maps[0], m["ssh1"]), context(b, maps[1], m["ssh2"]),
                            context(b, maps[2], m["ssh3"])};
  b.output("boxes", head(b, features, m["BboxHead"], 4), 3);
  b.output("scores", b.softmax(head(b, features, m["ClassHead"], 2)), 3);
  b.output("landmarks", head(b, features, m["LandmarkHead"], 10), 3);
  return b.finish();
}

}  // namespace diffbir::nets
