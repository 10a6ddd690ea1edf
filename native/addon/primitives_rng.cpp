#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "addon/convert.h"
#include "addon/primitives.h"
#include "core/cuda_rng.h"
#include "core/normals.h"
#include "core/rng.h"

namespace diffbir {

namespace {

constexpr std::int64_t kMaxCount = std::int64_t{1} << 28;

std::size_t checked_count(const Napi::Object& draw, const std::string& name) {
  return static_cast<std::size_t>(field(draw, name, "count", to_integer, 0, kMaxCount));
}

std::size_t checked_size(const Napi::Object& draw, const std::string& name) {
  const std::size_t count = element_count(field(draw, name, "shape", to_shape));
  if (count > static_cast<std::size_t>(kMaxCount)) refuse(draw.Get("shape"), name + ".shape", "fewer elements");
  return count;
}

Napi::Value answer_draw(TorchGenerator& generator, const Napi::Object& draw, const std::string& name) {
  const Napi::Env env = draw.Env();
  const Napi::Value kind = draw.Get("kind");
  const std::string text = to_text(kind, name + ".kind");
  if (text == "randn") return from_floats(env, generator.randn(checked_size(draw, name)));
  if (text == "randnDouble") return from_doubles(env, generator.randn_double(checked_count(draw, name)));
  if (text == "uniform") {
    const auto low = static_cast<float>(field(draw, name, "low", to_number));
    const auto high = static_cast<float>(field(draw, name, "high", to_number));
    return from_floats(env, generator.uniform(low, high, checked_count(draw, name)));
  }
  if (text == "randperm")
    return from_int64s(env, generator.randperm(field(draw, name, "count", to_integer, 0, kMaxCount)));
  if (text == "rand") return from_floats(env, generator.rand(checked_count(draw, name)));
  if (text == "raw") {
    std::vector<std::int64_t> values(checked_count(draw, name));
    for (std::int64_t& value : values) value = generator.raw();
    return from_int64s(env, values);
  }
  if (text == "randint") {
    const std::int64_t low = field(draw, name, "low", to_int64);
    const std::int64_t high = field(draw, name, "high", to_int64);
    return from_int64s(env, generator.randint(low, high, checked_count(draw, name)));
  }
  refuse(kind, name + ".kind", "'randn', 'randnDouble', 'rand', 'uniform', 'randperm', 'raw' or 'randint'");
}

Napi::Value torch_draws(const Napi::CallbackInfo& info) {
  TorchGenerator generator(to_uint64(info[0], "seed"));
  const Napi::Array draws = to_array(info[1], "draws");
  Napi::Array answers = Napi::Array::New(info.Env());
  for (std::uint32_t i = 0; i < draws.Length(); ++i) {
    const std::string name = "draws[" + std::to_string(i) + "]";
    answers.Set(i, answer_draw(generator, to_object(draws.Get(i), name), name));
  }
  return answers;
}

/// Draws of the given counts from one fresh generator of a card.
Napi::Value cuda_draws(const Napi::CallbackInfo& info) {
  const std::vector<std::int32_t> counts = to_int32s(info[1], "counts");
  const std::int64_t multiprocessors = to_integer(info[2], "multiprocessors", 1, 1 << 16);
  CudaGenerator generator(to_uint64(info[0], "seed"),
                          {multiprocessors, to_integer(info[3], "threadsPerMultiprocessor", 256, 1 << 16)});
  Napi::Array answers = Napi::Array::New(info.Env());
  for (std::uint32_t i = 0; i < counts.size(); ++i) {
    if (counts[i] < 0 || counts[i] > kMaxCount) refuse(info[1], "counts", "counts from 0 to 2^28");
    answers.Set(i, from_floats(info.Env(), generator.randn(static_cast<std::size_t>(counts[i]))));
  }
  return answers;
}

/// The normal numbers of uniform ones, 16 at a time.
Napi::Value normals_of_uniforms(const Napi::CallbackInfo& info) {
  std::vector<float> values = to_floats(info[0], "uniforms");
  if (to_boolean(info[1], "portable")) {
    normals_from_uniforms_portable(values);
  } else {
    normals_from_uniforms(values);
  }
  return from_floats(info.Env(), values);
}

Napi::Value philox(const Napi::CallbackInfo& info) {
  const std::vector<std::int32_t> counter = to_int32s(info[0], "counter");
  if (counter.size() != 4) refuse(info[0], "counter", "four words");
  PhiloxWords words{};
  std::ranges::copy(counter, words.word);
  words = philox_4x32_10(words, to_uint64(info[1], "key"));
  return from_int32s(info.Env(), std::vector<std::int32_t>(words.word, words.word + 4));
}

/// Increments between each two neighbours of [from, to, from, to, ...], asked for in this order.
Napi::Value brownian_increments(const Napi::CallbackInfo& info) {
  const std::uint64_t seed = to_uint64(info[0], "seed");
  const bool cuda = !info[5].IsUndefined() && to_text(info[5], "rng") == "cuda";
  const auto noise =
      cuda ? std::unique_ptr<NoiseSource>(std::make_unique<CudaNoise>(seed, h100)) : std::make_unique<TorchNoise>(seed);
  const auto sigma_min = static_cast<float>(to_number(info[2], "sigmaMin"));
  const auto sigma_max = static_cast<float>(to_number(info[3], "sigmaMax"));
  const std::vector<float> queries = to_floats(info[4], "queries");
  std::vector<NoiseStep> steps;
  for (std::size_t i = 0; i + 1 < queries.size(); i += 2) steps.push_back({queries[i], queries[i + 1]});
  const BrownianNoise increment = noise->brownian(to_shape(info[1], "shape"), sigma_min, sigma_max, steps);
  Napi::Array answers = Napi::Array::New(info.Env());
  for (std::uint32_t i = 0; i < steps.size(); ++i) answers.Set(i, from_tensor(info.Env(), increment()));
  return answers;
}

}  // namespace

void add_rng_primitives(Napi::Object primitives) {
  set_function(primitives, "torchDraws", torch_draws);
  set_function(primitives, "brownianIncrements", brownian_increments);
  set_function(primitives, "normalsOfUniforms", normals_of_uniforms);
  set_function(primitives, "cudaDraws", cuda_draws);
  set_function(primitives, "philox", philox);
}

}  // namespace diffbir
