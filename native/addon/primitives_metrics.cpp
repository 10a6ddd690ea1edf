#include <vector>

#include "addon/convert.h"
#include "addon/convert_metrics.h"
#include "addon/primitives.h"
#include "core/cancellation.h"
#include "imaging/metrics/symmetric.h"

namespace diffbir {

namespace {

Napi::Value compare_images(const Napi::CallbackInfo& info) {
  const Image reference = to_image(info[0], "reference");
  const Image picture = to_image(info[1], "picture");
  const NiqeModel model = to_niqe_model(info[2], "niqe");
  return from_comparison(info.Env(), compare(reference, picture, model, CancellationToken()));
}

Napi::Value inverse_quadratic_form(const Napi::CallbackInfo& info) {
  const std::vector<double> matrix = to_doubles(info[0], "matrix");
  const std::vector<double> x = to_doubles(info[1], "x");
  if (matrix.size() != x.size() * x.size()) refuse(info[0], "matrix", "a square of the length of x");
  return Napi::Number::New(info.Env(), diffbir::inverse_quadratic_form(matrix, x));
}

}  // namespace

void add_metrics_primitives(Napi::Object primitives) {
  set_function(primitives, "compareImages", compare_images);
  set_function(primitives, "inverseQuadraticForm", inverse_quadratic_form);
}

}  // namespace diffbir
