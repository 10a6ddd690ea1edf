// Conversions of the resolved structs that describe a model.
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "addon/convert.h"

namespace diffbir {

namespace {

DType to_dtype(Napi::Value value, const std::string& name) {
  using Named = std::pair<std::string_view, DType>;
  constexpr std::array<Named, 10> kTypes = {Named{"float64", DType::float64}, Named{"float32", DType::float32},
                                            Named{"float16", DType::float16}, Named{"bfloat16", DType::bfloat16},
                                            Named{"int64", DType::int64},     Named{"int32", DType::int32},
                                            Named{"int16", DType::int16},     Named{"int8", DType::int8},
                                            Named{"uint8", DType::uint8},     Named{"bool", DType::boolean}};
  const std::string text = to_text(value, name);
  for (const auto& [spelling, dtype] : kTypes) {
    if (text == spelling) return dtype;
  }
  refuse(value, name, "a dtype");
}

TensorEntry to_tensor_entry(const Napi::Object& object, const std::string& name) {
  TensorEntry entry;
  entry.name = field(object, name, "name", to_text);
  entry.dtype = field(object, name, "dtype", to_dtype);
  entry.shape = field(object, name, "shape", to_shape);
  entry.strides = field(object, name, "strides", to_shape);
  entry.offset = static_cast<std::uint64_t>(field(object, name, "offset", to_integer, 0, kMaxSafeInteger));
  entry.end = static_cast<std::uint64_t>(field(object, name, "end", to_integer, 0, kMaxSafeInteger));
  return entry;
}

NetworkConfig to_network_config(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  const Napi::Array keys = object.GetPropertyNames();
  NetworkConfig config;
  for (std::uint32_t i = 0; i < keys.Length(); ++i) {
    const std::string key = keys.Get(i).ToString();
    const std::string member = name + "." + key;
    const Napi::Value item = object.Get(key);
    std::vector<double>& numbers = config[key];
    if (!item.IsArray()) {
      numbers.push_back(to_number(item, member));
      continue;
    }
    const Napi::Array list = item.As<Napi::Array>();
    for (std::uint32_t j = 0; j < list.Length(); ++j) numbers.push_back(to_number(list.Get(j), member));
  }
  return config;
}

/// The switches of optimizations by their names.
std::map<std::string, bool*> switches(Optimizations& optimizations) {
  graph::Fusions& fusions = optimizations.fusions;
  return {
      {"attention", &fusions.attention},
      {"groupNorm", &fusions.group_norm},
      {"layerNorm", &fusions.layer_norm},
      {"linear", &fusions.linear},
      {"gelu", &fusions.gelu},
      {"geglu", &fusions.geglu},
      {"vectorKernels", &fusions.vector_kernels},
      {"nhwc", &fusions.nhwc},
      {"nhwcGroupNorm", &fusions.nhwc_group_norm},
      {"skipGroupNorm", &fusions.skip_group_norm},
      {"skipLayerNorm", &fusions.skip_layer_norm},
      {"biasAdd", &fusions.bias_add},
      {"biasSplitGelu", &fusions.bias_split_gelu},
      {"fusedKernels", &fusions.fused_kernels},
      {"packedAttention", &fusions.packed_attention},
      {"equalConcat", &fusions.equal_concat},
      {"separateTiles", &fusions.separate_tiles},
      {"graph", &optimizations.graph},
      {"mappedWeights", &optimizations.mapped_weights},
      {"rounded", &optimizations.rounded},
      {"definitions", &optimizations.definitions},
      {"ownKernels", &optimizations.own_kernels},
  };
}

/// Names of those that are on.
Optimizations to_optimizations(Napi::Value value, const std::string& name) {
  Optimizations result;
  const auto all = switches(result);
  for (const auto& [spelling, is_on] : all) *is_on = false;
  const Napi::Array names = to_array(value, name);
  for (std::uint32_t i = 0; i < names.Length(); ++i) {
    const auto found = all.find(to_text(names.Get(i), name));
    if (found == all.end()) refuse(names.Get(i), name, "an optimization");
    *found->second = true;
  }
  return result;
}

NetworkSpec to_network_spec(const Napi::Object& object, const std::string& name,
                            std::shared_ptr<const WeightTable> weights, graph::Provider provider) {
  NetworkSpec spec;
  spec.optimizations.fusions = graph::fusions_for(provider);
  spec.type = field(object, name, "type", to_text);
  spec.weights = std::move(weights);
  spec.prefix = field(object, name, "prefix", to_text);
  spec.config = field(object, name, "config", to_network_config);
  if (!object.Get("precision").IsUndefined()) spec.precision = field(object, name, "precision", to_precision);
  if (spec.precision == graph::Precision::float32) spec.optimizations.fusions.keep_nchw();
  if (object.Has("optimizations")) spec.optimizations = field(object, name, "optimizations", to_optimizations);
  return spec;
}

/// The networks of a model. Those that name one and the same table share its mapping: a Stable Diffusion file holds
/// four of them, and thousands of tensors.
class NetworkSpecs {
 public:
  explicit NetworkSpecs(graph::Provider provider) : provider_(provider) {}

  NetworkSpec operator()(Napi::Value value, const std::string& name) {
    const Napi::Object object = to_object(value, name);
    const Napi::Value table = object.Get("weights");
    for (const auto& [given, weights] : tables_) {
      if (given.StrictEquals(table)) return to_network_spec(object, name, weights, provider_);
    }
    tables_.emplace_back(table, field(object, name, "weights", to_weight_table));
    return to_network_spec(object, name, tables_.back().second, provider_);
  }

 private:
  graph::Provider provider_;
  std::vector<std::pair<Napi::Value, std::shared_ptr<const WeightTable>>> tables_;
};

Stage2Spec to_stage2_spec(const Napi::Object& object, const std::string& name, NetworkSpecs& networks) {
  Stage2Spec spec;
  spec.vae_encoder = field(object, name, "vaeEncoder", std::ref(networks));
  spec.vae_decoder = field(object, name, "vaeDecoder", std::ref(networks));
  if (!object.Get("textEncoder").IsNull()) {
    spec.text_encoder = field(object, name, "textEncoder", std::ref(networks));
  }
  spec.unet = field(object, name, "unet", std::ref(networks));
  spec.controlnet = field(object, name, "controlnet", std::ref(networks));
  spec.schedule = field(object, name, "schedule", to_schedule_config);
  spec.latent_scale_factor = static_cast<float>(field(object, name, "latentScaleFactor", to_number));
  spec.min_short_edge = field(object, name, "minShortEdge", to_integer, 1, 512);
  return spec;
}

/// Argument and value in turns.
std::map<float, float> to_values(Napi::Value value, const std::string& name) {
  const std::vector<float> pairs = to_floats(value, name);
  std::map<float, float> values;
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) values.emplace(pairs[i], pairs[i + 1]);
  return values;
}

RecordedMath to_recorded_math(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  return {field(object, name, "roots", to_values), field(object, name, "logs", to_values)};
}

FaceSpec to_face_spec(const Napi::Object& object, const std::string& name, NetworkSpecs& networks) {
  FaceSpec spec;
  spec.cleaner = field(object, name, "cleaner", std::ref(networks));
  spec.detector = field(object, name, "detector", std::ref(networks));
  spec.parser = field(object, name, "parser", std::ref(networks));
  return spec;
}

}  // namespace

std::vector<std::string> optimization_names(graph::Provider provider) {
  Optimizations optimizations;
  optimizations.fusions = graph::fusions_for(provider);
  std::vector<std::string> names;
  for (const auto& [name, is_on] : switches(optimizations)) {
    if (*is_on) names.push_back(name);
  }
  return names;
}

EdmOptions to_edm_options(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  const auto number = [&](const char* key) { return static_cast<float>(field(object, name, key, to_number)); };
  EdmOptions edm;
  edm.s_churn = number("sChurn");
  edm.s_tmin = number("sTmin");
  edm.s_tmax = number("sTmax");
  edm.s_noise = number("sNoise");
  edm.eta = number("eta");
  edm.order = static_cast<int>(field(object, name, "order", to_integer, 1, 4));
  if (object.Has("math")) edm.math = field(object, name, "math", to_recorded_math);
  return edm;
}

ScheduleConfig to_schedule_config(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  ScheduleConfig config;
  config.timesteps = field(object, name, "timesteps", to_integer, 2, 1'000'000);
  config.linear_start = field(object, name, "linearStart", to_number);
  config.linear_end = field(object, name, "linearEnd", to_number);
  config.zero_snr = field(object, name, "zeroSnr", to_boolean);
  const Napi::Value parameterization = object.Get("parameterization");
  const std::string text = to_text(parameterization, name + ".parameterization");
  if (text != "eps" && text != "v") refuse(parameterization, name + ".parameterization", "'eps' or 'v'");
  config.parameterization = text == "v" ? Parameterization::v : Parameterization::eps;
  return config;
}

std::shared_ptr<const WeightTable> to_weight_table(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  const auto size = static_cast<std::uint64_t>(field(object, name, "fileSize", to_integer, 0, kMaxSafeInteger));
  const Napi::Array tensors = field(object, name, "tensors", to_array);
  std::vector<TensorEntry> entries;
  for (std::uint32_t i = 0; i < tensors.Length(); ++i) {
    // One scope per entry: a checkpoint has thousands, and their handles would otherwise live until we return.
    const Napi::HandleScope scope(object.Env());
    const std::string member = name + ".tensors[" + std::to_string(i) + "]";
    entries.push_back(to_tensor_entry(to_object(tensors.Get(i), member), member));
  }
  return WeightTable::open(field(object, name, "file", to_text), size, entries);
}

graph::Precision to_precision(Napi::Value value, const std::string& name) {
  const std::string text = to_text(value, name);
  if (text == "float32") return graph::Precision::float32;
  if (text == "float16") return graph::Precision::float16;
  if (text == "int8") return graph::Precision::int8;
  refuse(value, name, "float32, float16 or int8");
}

graph::Provider to_provider(Napi::Value value, const std::string& name) {
  const std::string text = to_text(value, name);
  if (text == "cpu") return graph::Provider::cpu;
  if (text == "cuda") return graph::Provider::cuda;
  if (text == "tensorrt") return graph::Provider::tensorrt;
  refuse(value, name, "cpu, cuda or tensorrt");
}

runtime::Execution to_execution(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  const auto has = [&](const char* key) { return !object.Get(key).IsUndefined(); };
  runtime::Execution execution;
  execution.provider = field(object, name, "provider", to_provider);
  execution.device = static_cast<int>(field(object, name, "device", to_integer, 0, 1023));
  if (has("libraries")) execution.libraries = field(object, name, "libraries", to_text);
  if (has("cache")) execution.cache = field(object, name, "cache", to_text);
  if (has("memoryLimit")) {
    execution.memory_limit =
        static_cast<std::size_t>(field(object, name, "memoryLimit", to_integer, 0, kMaxSafeInteger));
  }
  if (has("guarded")) execution.guarded = field(object, name, "guarded", to_boolean);
  if (has("cudaGraphs")) execution.cuda_graphs = field(object, name, "cudaGraphs", to_boolean);
  return execution;
}

NetworkSpec to_network_spec(Napi::Value value, const std::string& name, graph::Provider provider) {
  const Napi::Object object = to_object(value, name);
  return to_network_spec(object, name, field(object, name, "weights", to_weight_table), provider);
}

ModelSpec to_model_spec(Napi::Value value, const std::string& name) {
  const Napi::Object object = to_object(value, name);
  ModelSpec spec;
  spec.execution = field(object, name, "execution", to_execution);
  NetworkSpecs networks(spec.execution.provider);
  spec.cleaner = field(object, name, "cleaner", std::ref(networks));
  const Napi::Value stage2 = object.Get("stage2");
  if (!stage2.IsNull()) spec.stage2 = to_stage2_spec(to_object(stage2, name + ".stage2"), name + ".stage2", networks);
  const Napi::Value faces = object.Get("faces");
  if (!faces.IsNull()) spec.faces = to_face_spec(to_object(faces, name + ".faces"), name + ".faces", networks);
  spec.threads = static_cast<int>(field(object, name, "threads", to_integer, 1, 1024));
  spec.keep_networks = field(object, name, "keepNetworks", to_boolean);
  return spec;
}

}  // namespace diffbir
