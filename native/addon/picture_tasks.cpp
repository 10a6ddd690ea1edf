#include "addon/picture_tasks.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "addon/convert.h"
#include "addon/convert_degradation.h"
#include "addon/convert_metrics.h"
#include "addon/job.h"
#include "addon/task.h"
#include "runtime/speed.h"

namespace diffbir {

namespace {

/// A job that computes one value with `compute(token)` and hands it out with `convert(env, value)`.
template <typename Value, typename Compute, typename Convert>
class PictureTask : public Job {
 public:
  PictureTask(Napi::Env env, Compute compute, Convert convert)
      : Job(env), compute_(std::move(compute)), convert_(std::move(convert)) {}

 private:
  void run(CancellationToken& token, const ProgressCallback&) override { value_ = compute_(token); }
  Napi::Value result(Napi::Env env) override { return convert_(env, value_); }

  Compute compute_;
  Convert convert_;
  Value value_{};
};

template <typename Compute, typename Convert>
Napi::Value start(Napi::Env env, Compute compute, Convert convert) {
  using Value = decltype(compute(std::declval<CancellationToken&>()));
  using Task = PictureTask<Value, Compute, Convert>;
  return start_task(env, std::make_unique<Task>(env, std::move(compute), convert), env.Undefined());
}

}  // namespace

Napi::Value start_degrade(const Napi::CallbackInfo& info) {
  const Napi::Object object = to_object(info[0], "job");
  Image image = field(object, "job", "image", to_image);
  Recipe recipe = field(object, "job", "recipe", to_recipe);
  const std::uint64_t seed = field(object, "job", "seed", to_uint64);
  return start(
      info.Env(),
      [image = std::move(image), recipe = std::move(recipe), seed](const CancellationToken& token) {
        return degrade(image, recipe, seed, token);
      },
      from_image);
}

Napi::Value start_compare(const Napi::CallbackInfo& info) {
  Image reference = to_image(info[0], "reference");
  Image picture = to_image(info[1], "picture");
  NiqeModel model = to_niqe_model(info[2], "niqe");
  return start(
      info.Env(),
      [reference = std::move(reference), picture = std::move(picture),
       model = std::move(model)](const CancellationToken& token) { return compare(reference, picture, model, token); },
      from_comparison);
}

Napi::Value start_niqe_patches(const Napi::CallbackInfo& info) {
  Image image = to_image(info[0], "image");
  return start(
      info.Env(), [image = std::move(image)](const CancellationToken&) { return niqe_patches(image); },
      from_niqe_patches);
}

Napi::Value start_measure_speed(const Napi::CallbackInfo& info) {
  const auto threads = static_cast<int>(to_integer(info[0], "threads", 1, 1024));
  return start(
      info.Env(), [threads](CancellationToken& token) { return runtime::measure_speed(threads, token); },
      Napi::Number::New);
}

}  // namespace diffbir
