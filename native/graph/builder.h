#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/tensor.h"
#include "graph/build_options.h"
#include "graph/module.h"
#include "graph/ort.h"
#include "weights/int8_weights.h"

namespace diffbir::graph {

/// What a value consists of. In graphs of float16 the first two are different types.
enum class Element {
  working,  // what the graph computes with: float16 in graphs of float16, else float32
  float32,
  integer,  // int64 or int32
};

/// A value that flows through the graph, by name.
struct Value {
  std::string name;
  Element element = Element::working;
};

/// A tensor size: known when the graph is built, or a one-element int64 tensor that is known when it runs.
using Size = std::variant<std::int64_t, Value>;

/// How long the sides of a window are, into how many heads its channels go, and how many channels there are.
struct WindowShape {
  std::int64_t side, heads, channels;
  std::int64_t tokens() const { return side * side; }
};

/// That windows are shifted by half their side (graph/windows.h).
struct WindowShift {
  Value sides;   // windows down and across, [2]
  float masked;  // is added to the logits of tokens from different regions
};

enum class Activation { none, silu };

struct ConvOptions {
  std::int64_t stride = 1;
  /// Zeros added at top, left, bottom, right. Empty: kernel / 2 on every side ("same" for odd kernels).
  std::vector<std::int64_t> padding = {};
};

struct AttentionOptions {
  std::int64_t heads;
  /// C / heads where it is known: the processor may have faster kernels for it.
  std::int64_t width = 0;
  bool causal = false;
  /// C / heads for GPUs alone, where `width` is not given.
  std::int64_t width_on_gpu = 0;
};

/// Linear layers without bias that make queries, keys and values.
struct Projections {
  const Module& q;
  const Module& k;
  const Module& v;
};

/// An initialiser in host memory, which is the model's or a checkpoint's.
struct Initializer {
  std::string name;
  const void* data;
  std::size_t bytes;
  Shape shape;
  ONNXTensorElementDataType type;
};

/// A finished graph with what it points into: hand it to runtime::Network.
struct Graph {
  Ort::Model model{nullptr};
  /// Those that are not small, as long as no session has taken the model.
  std::vector<Initializer> initializers;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  /// Of the inputs, those of Builder::map_input() that are [B,H,W,C] in float16.
  std::set<std::string> half_inputs;
  /// Checkpoints whose mapped bytes are initialisers of the model.
  std::vector<std::shared_ptr<const WeightTable>> weights;
  /// Packed weights, which Int8Linear and Int8Conv take by their index.
  std::vector<std::shared_ptr<const Int8Weights>> int8_weights;
  /// How many group normalisations it has of which tiles in lock-step pool their statistics.
  std::int64_t group_norms = 0;
  /// How many nodes of each type, behind "com.microsoft." or "diffbir." where it is of that domain. Those of NhwcConv
  /// that add a bias are counted by themselves, as "com.microsoft.NhwcConv with bias".
  std::map<std::string, std::int64_t> nodes;
};

class Builder;
class Tape;

/// Adds the operators that turn the gradient at a layer's output into those at its inputs, in the order of the inputs.
using PullBack = std::function<std::vector<Value>(Builder& b, const Value& gradient)>;

/// Builds an ONNX graph in memory with ONNX Runtime's Model Editor API, in the vocabulary of torch.nn.
/// Parameters are not copied: contiguous tensors of the dtype that the graph computes with become initialisers that
/// point into the mapped checkpoint, others are converted once. Shapes stay symbolic, so that one session runs every
/// batch and picture size. A layer computes in the type of its input, and its parameters have that type.
class Builder {
 public:
  explicit Builder(BuildOptions options = {});
  ~Builder();

  // ---- ports ----
  /// A float32 input, converted to `element`; -1 marks a free axis.
  Value input(const std::string& name, const Shape& shape, Element element = Element::working);
  /// A feature map [B,C,H,W] that another graph gives by map_output(): in graphs of float16 whose feature maps lie in
  /// NHWC it is [B,H,W,C] in float16, and nothing is converted on the way; in others it is an input() like any other.
  Value map_input(const std::string& name);
  void map_output(const std::string& name, const Value& x);
  /// An int32 input.
  Value input_ids(const std::string& name, const Shape& shape);
  /// The int64 input "tile" of networks that work on tiles in lock-step: 0, or the ticket of a run
  /// (runtime::TileRegistry).
  void tile_ticket();
  /// The int64 input "paired" of networks in 8 bits, none of others: 1 where the second half of the batch is computed
  /// as the difference from the first (runtime::Int8LinearOp), else 0. Layers look at it behind begin_pairs().
  void paired();
  void begin_pairs() { paired_ = pairs_; }
  /// A float32 output.
  void output(const std::string& name, const Value& x, std::size_t rank);
  /// Names the output of a module by its path in the reference, so that a golden run can ask for it. Returns x.
  Value mark(const Module& m, const Value& x, std::size_t rank);
  /// Whether mark() makes it an output.
  bool is_marked(const Module& m) const { return options_.marks.contains(m.path()); }
  /// Ends the graph. The builder is empty afterwards.
  Graph finish();

  // ---- parameters and constants ----
  /// The parameter as an initialiser. Throws Error(model_mismatch) when its shape is not `shape` (-1 = any size), and
  /// what WeightTable::require_whole() throws; Error(aborted) when the token of the options is cancelled.
  Value parameter(const Module& m, const std::string& name, const Shape& shape, Element element = Element::working);
  Value constant(const Tensor& values, Element element = Element::working);
  Value integers(const std::vector<std::int64_t>& values);
  Value integer(std::int64_t value);  // of no axes

  // ---- precision ----
  /// x in float32, for what float16 is not enough. In other graphs than those of float16, x itself.
  Value to_float32(const Value& x);
  /// x in what the graph computes with.
  Value to_working(const Value& x);

  // ---- layers: weights by official key names ----
  /// nn.Conv2d on NCHW: m.weight [out, in, kh, kw], m.bias if there is one.
  Value conv(const Value& x, const Module& m, const ConvOptions& options = {});
  /// nn.ConvTranspose2d without padding: m.weight [in, out, kh, kw], m.bias if there is one.
  Value conv_transpose(const Value& x, const Module& m, std::int64_t stride);
  /// nn.Linear over the last axis: weight [out, in] and, if there is one, bias [out], under their names in `m`.
  Value linear(const Value& x, const Module& m, const std::string& weight = "weight", const std::string& bias = "bias");
  /// GEGLU (Shazeer 2020): of the two halves of linear(x, m) the first times the gelu() of the second.
  Value geglu(const Value& x, const Module& m);
  /// Whether there is a kernel for controlled_concat(), of so many channels and those of a skip connection.
  bool has_concat_kernel(const Value& x, std::int64_t channels, std::int64_t skip_channels) const;
  /// concat(x, skip + strength * control) along the channels by that kernel; strength is [1]. The skip connection may
  /// have a part of x's batch, which is then repeated. Nobody else may want x.
  Value controlled_concat(const Value& x, const Value& skip, const Value& control, const Value& strength);
  /// nn.LayerNorm over the last axis.
  Value layer_norm(const Value& x, const Module& m, float eps = 1e-5F);
  /// nn.GroupNorm on NCHW, with the activation that follows it fused in. In a network that was given a tile_ticket()
  /// its statistics are those of all tiles of the picture. Throws Error(model_mismatch) when the groups do not divide
  /// the channels.
  Value group_norm(const Value& x, const Module& m, float eps, Activation activation);
  /// nn.BatchNorm2d at inference, by its running statistics. ONNX Runtime folds it into a convolution before it.
  Value batch_norm(const Value& x, const Module& m, float eps = 1e-5F);
  /// softmax(q k^T / sqrt(C / heads)) v per head; q [B,L,C], k and v [B,S,C] -> [B,L,C].
  Value attention(const Value& q, const Value& k, const Value& v, const AttentionOptions& options);
  /// attention() of queries from x [B,L,C] and keys and values from the context [B,S,D], which may be x.
  Value attention(const Value& x, const Value& context, const Projections& m, const AttentionOptions& options);
  /// Whether there is a kernel for attention inside windows, with heads of this width.
  bool has_window_kernel(const Value& x, std::int64_t width) const;
  /// plain_window_attention() by that kernel, with the table as [heads, keys, queries]. Tokens lie in plain windows,
  /// before and behind it, where it looks at shifted ones, too.
  Value window_attention(const Value& qkv, const Value& table, const WindowShape& shape,
                         const std::optional<WindowShift>& shift);

  // ---- pointwise ----
  /// Sizes must be equal where gradients are recorded.
  Value add(const Value& a, const Value& b);
  Value sub(const Value& a, const Value& b) { return op("Sub", {a, b}); }
  Value mul(const Value& a, const Value& b) { return op("Mul", {a, b}); }
  Value scale(const Value& x, float factor);
  Value scale(const Value& x, const Value& factor);  // a tensor [1]
  /// x [B,C,H,W] plus v [B,C].
  Value add_per_channel(const Value& x, const Value& v);
  /// The sum of tokens [B,L,C]: a residual connection.
  Value add_tokens(const Value& a, const Value& b);
  Value silu(const Value& x);
  Value gelu(const Value& x);  // exact, with erf
  Value relu(const Value& x);
  Value leaky_relu(const Value& x, float slope);
  Value softmax(const Value& x);  // over the last axis
  Value matmul(const Value& a, const Value& b) { return op("MatMul", {a, b}); }

  // ---- shape ----
  /// A feature map [B,C,H,W] that shall lie in NHWC where those of the graph do: an input that meets them.
  Value feature_map(const Value& x);
  Value concat(const std::vector<Value>& parts, std::int64_t axis);
  /// concat() of two maps [B,C,H,W] of so many channels each, along them.
  Value concat_maps(const Value& x, std::int64_t channels, const Value& y, std::int64_t more_channels);
  /// x of so many axes, `times` [1] times one after the other along the first.
  Value repeat(const Value& x, const Value& times, std::size_t axes);
  std::vector<Value> split(const Value& x, std::size_t parts, std::int64_t axis);
  Value slice(const Value& x, std::int64_t axis, std::int64_t begin, std::int64_t end);
  Value gather(const Value& x, const Value& indices, std::int64_t axis = 0);
  /// The integers below the product of two sizes.
  Value range(const Size& a, const Size& b);
  Value transpose(const Value& x, const std::vector<std::int64_t>& order);
  Value reshape(const Value& x, const std::vector<Size>& shape);
  Value reshape_like(const Value& x, const Value& like);
  Value upsample_nearest(const Value& x, std::int64_t factor);
  /// F.interpolate(mode="nearest") of NCHW to the height and width of `like`.
  Value resize_nearest_like(const Value& x, const Value& like);
  /// F.pad at the right and bottom of NCHW up to the next multiples of m; mode as in ONNX: reflect, edge, constant.
  Value pad_to_multiples_of(const Value& x, std::int64_t m, const std::string& mode);
  /// The upper left part of NCHW as large as `like`.
  Value crop_like(const Value& x, const Value& like);
  /// nn.PixelShuffle: [B, C r^2, H, W] -> [B, C, H r, W r].
  Value pixel_shuffle(const Value& x, std::int64_t r);
  /// nn.PixelUnshuffle: [B, C, H, W] -> [B, C r^2, H/r, W/r], channel c r^2 + i r + j from pixel (y r + i, x r + j).
  Value pixel_unshuffle(const Value& x, std::int64_t r);
  /// [B, C, H, W] -> [B, H W, C]
  Value to_tokens(const Value& image);
  /// [B, H W, C] -> the NCHW shape of `like`, which must have C channels.
  Value to_image(const Value& tokens, const Value& like);

  Size dim(const Value& x, std::int64_t axis);
  Size divide(const Size& a, std::int64_t b);

  // ---- gradients ----
  /// From here on remembers for gradient() what can be differentiated: conv with stride 1, group_norm of whole
  /// pictures, attention of one head, add, upsample_nearest, to_tokens and to_image.
  void record_gradients();
  /// The gradient at `input` of a number whose gradient at `output` is `seed`; both lie behind record_gradients(). Ends
  /// the recording. Throws Error(internal) when a layer between the two cannot be differentiated.
  Value gradient(const Value& output, const Value& seed, const Value& input);

  // ---- anything else ----
  using Attribute = std::pair<std::string, std::variant<std::int64_t, float, std::vector<std::int64_t>, std::string>>;
  Value op(const std::string& type, const std::vector<Value>& inputs, const std::vector<Attribute>& attributes = {},
           const std::string& domain = "");
  std::vector<Value> op_n(const std::string& type, const std::vector<Value>& inputs, std::size_t outputs,
                          const std::vector<Attribute>& attributes = {}, const std::string& domain = "");

 private:
  std::string fresh_name(const std::string& stem);
  void add_node(const std::string& type, const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                const std::vector<Attribute>& attributes, const std::string& domain);
  std::vector<Value> fresh_values(const std::string& stem, std::size_t count, Element element);

  // ---- what the CUDA provider's operators need (channels_last.cpp, fused_layers.cpp) ----
  /// A switch of the options, which is off where gradients are recorded.
  bool fuses(bool Fusions::*fusion) const { return !tape_ && options_.fusions.*fusion; }
  /// Whether Fusions::fused_kernels has one for a layer of so many channels, of at most so many.
  bool has_fused_kernel(const Value& x, std::int64_t channels, std::int64_t most) const;
  bool has_layer_norm_kernel(const Value& x, std::int64_t channels) const;
  /// A node that is not there yet: what its output is used for decides its form.
  struct Pending {
    enum class Kind {
      nchw,         // (in NHWC): a Transpose
      image,        // (tokens, a feature map in NHWC): the tokens in its shape
      conv,         // (x, weight, bias?): NhwcConv
      bias,         // (x, bias of the last axis)
      sum,          // (a, b) of feature maps in NHWC; of both a bias may be pending
      per_channel,  // the same with a [B,1,1,C]
      residual,     // the same of tokens
    } kind;
    std::vector<Value> inputs;
    std::vector<Attribute> attributes = {};
  };
  /// A value with a pending node.
  Value later(Pending::Kind kind, std::vector<Value> inputs, const std::vector<Attribute>& attributes = {});
  /// The pending node of a value, if it has one and is of this kind.
  const Pending* pending(const Value& x, Pending::Kind kind) const;
  /// Adds the pending node of a value, if it has one.
  void settle(const Value& x);
  /// Whether a value [B,C,H,W] lies in NHWC.
  bool is_nhwc(const Value& x) const { return nhwc_.contains(x.name); }
  /// The same in NHWC [B,H,W,C], transposed unless it lies so.
  Value to_nhwc(const Value& x);
  /// A value [B,H,W,C] as [B,C,H,W], transposed once something wants that.
  Value from_nhwc(const Value& x);
  /// f(x) where f does not mind the order of the axes.
  template <typename F>
  Value pointwise(const Value& x, F f) {
    return is_nhwc(x) ? from_nhwc(f(to_nhwc(x))) : f(x);
  }
  /// A bias of the checkpoint, one for each row of a weight, which becomes an initialiser where something adds it.
  Value bias_of(const Module& m, const std::string& weight, const std::string& bias, Element element);
  /// A value without the bias that is still to be added, and that bias, with an empty name where there is none.
  std::pair<Value, Value> without_bias(const Value& x);
  /// The size of that bias, 0 where there is none.
  std::int64_t pending_bias(const Value& x) const;
  /// What without_bias() took apart, with the bias added later.
  Value with_bias(const Value& x, const Value& bias);
  /// What a sum adds: without_bias() of both, and the sum of their biases, with an empty name where there is none.
  struct Addends {
    Value other, value, bias;
  };
  Addends addends(const std::vector<Value>& inputs);
  /// Takes the pending node of a sum away, for an operator that adds by itself.
  Addends take_sum(const Value& x);
  /// Adds the node of a sum, BiasAdd where it takes one.
  void add_sum(Pending::Kind kind, const std::vector<Value>& inputs, const Value& x);
  Value nhwc_conv(const Value& x, const Module& m, const std::vector<Attribute>& attributes);
  Value nhwc_group_norm(const Value& x, const Module& m, float eps, Activation activation);
  Value skip_layer_norm(const Value& x, const Module& m, float eps);
  /// m.weight [out, in, kh, kw] as [out, kh, kw, in].
  Value nhwc_weight(const Module& m, Element element);
  /// The rows of matrices [heads * width, in], head after head: those of the first, of the second, ...
  Value interleaved_rows(const std::vector<Module>& matrices, std::int64_t width, Element element);

  /// Whether feature maps pass from graph to graph as they are.
  bool has_half_maps() const { return fuses(&Fusions::nhwc) && options_.precision == Precision::float16; }
  /// Names a value as an output.
  void add_output(const std::string& name, const Value& x, ONNXTensorElementDataType type, std::size_t rank);

  bool is_float16(Element element) const {
    return element == Element::working && options_.precision == Precision::float16;
  }
  /// Whether the operators of this package, which take float32 alone, can take it.
  bool is_float32(const Value& x) const { return x.element != Element::integer && !is_float16(x.element); }
  /// Puts a layer on the tape, if there is one. Returns its output.
  Value recorded(const Value& output, std::vector<Value> inputs, PullBack pull_back);
  void add_initializer(const std::string& name, Ort::Value tensor);
  void add_constant(const std::string& name, const Tensor& values, Element element);
  /// What a parameter is called in the graph: in graphs of float16 some are there in float32 too.
  std::string parameter_name(const std::string& key, Element element) const;
  /// A parameter that `fill` makes of the file's, from a pointer to float or std::uint16_t (float16).
  template <typename Fill>
  Value made_parameter(const std::string& name, const Shape& shape, Element element, Fill fill);
  /// A parameter of the checkpoint. Throws what parameter() throws.
  WeightView checked(const Module& m, const std::string& name, const Shape& shape);
  bool is_int8(const Module& m, const std::string& weight) const;
  /// The inputs of an operator in 8 bits; `bias` may be null.
  std::vector<Value> int8_inputs(const Value& x, const Value* bias) const;
  /// The attributes by which an operator finds the packed parameter and its kernels.
  std::vector<Attribute> int8_parameter(const Module& m, const std::string& name, const Shape& shape);
  /// linear() of weights that are is_int8(), or geglu(). `bias` may be empty, or a name that the module does not have.
  Value int8_linear(const Value& x, const Module& m, const std::string& weight, const std::string& bias, bool geglu);
  /// x times the transpose of a matrix [out, in], without a bias.
  Value project(const Value& x, const Module& m, const std::string& weight);

  Ort::Graph graph_;
  std::vector<Ort::ValueInfo> inputs_;
  std::vector<Ort::ValueInfo> outputs_;
  std::vector<std::string> input_names_;
  std::vector<std::string> output_names_;
  std::set<std::string> half_inputs_;
  std::vector<Initializer> initializers_;
  const BuildOptions options_;
  std::set<std::string> parameters_;
  std::map<std::string, Pending> pending_;
  std::map<std::string, Tensor> biases_;  // of bias_of(), initialisers or not
  std::map<std::string, Value> nhwc_;     // of values [B,C,H,W] by name
  std::map<std::string, std::int64_t> nodes_;
  std::vector<std::shared_ptr<const WeightTable>> weights_;
  std::vector<std::shared_ptr<const Int8Weights>> int8_weights_;
  std::optional<Value> tile_ticket_;
  std::optional<Value> pairs_;   // the input
  std::optional<Value> paired_;  // of the next layers
  std::unique_ptr<Tape> tape_;
  std::int64_t group_norms_ = 0;
  std::int64_t next_name_ = 0;
};

}  // namespace diffbir::graph
