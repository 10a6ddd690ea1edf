#pragma once

#include <vector>

#include "graph/builder.h"

namespace diffbir::graph {

/// What a graph needs to remember to be differentiated backwards (reverse accumulation; Griewank & Walther 2008,
/// section 3.2): of each layer its inputs, and how a gradient at its output becomes gradients at those inputs. The
/// gradient is a part of the same graph, so that a run computes both, and what the forward part computed is not
/// computed again.
class Tape {
 public:
  void record(const Value& output, std::vector<Value> inputs, PullBack pull_back);

  /// Adds what computes the gradient at `input` of a number whose gradient at `output` is `seed`. Throws
  /// Error(internal) when a layer between the two is not on the tape, or `output` does not depend on `input`.
  Value gradient(Builder& b, const Value& output, const Value& seed, const Value& input) const;

 private:
  struct Layer {
    Value output;
    std::vector<Value> inputs;
    PullBack pull_back;
  };
  std::vector<Layer> layers_;  // in the order of the forward pass
};

// ---- the gradients of Builder's layers ----

/// Of a convolution m of NCHW with stride 1 and zeros added at top, left, bottom, right: the convolution of the
/// gradient with the kernels turned by half a turn, their inputs and outputs exchanged.
Value conv_gradient(Builder& b, const Value& gradient, const Module& m, const std::vector<std::int64_t>& padding);

struct GroupNormLayer {
  Value weight, bias;  // [C]
  std::int64_t groups;
  float epsilon;
  Activation activation;
};

/// Of group_norm of x [B,C,H,W], in operators of the ONNX standard (runtime::GroupNormGradientOp is one for the CPU).
/// Mean and deviation are computed from x once more.
Value group_norm_gradient(Builder& b, const Value& gradient, const Value& x, const GroupNormLayer& layer);

/// Of softmax(q k^T / sqrt(C)) v, all [B,L,C] and `output` what it gave: the gradients at q, k and v. The weights of
/// the attention are computed once more, some queries at a time: its operator does not give them away.
std::vector<Value> attention_gradient(Builder& b, const Value& gradient, const Value& q, const Value& k, const Value& v,
                                      const Value& output);

/// Of upsample_nearest: a value that went to factor x factor places gets the sum of the gradients there.
Value upsample_nearest_gradient(Builder& b, const Value& gradient, std::int64_t factor);

}  // namespace diffbir::graph
