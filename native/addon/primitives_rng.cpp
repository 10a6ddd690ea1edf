#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "addon/convert.h"
#include "addon/primitives.h"
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
  refuse(kind, name + ".kind", "'randn', 'rand', 'raw' or 'randint'");
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

}  // namespace

void add_rng_primitives(Napi::Object primitives) { set_function(primitives, "torchDraws", torch_draws); }

}  // namespace diffbir
