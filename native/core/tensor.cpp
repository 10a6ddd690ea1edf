#include "core/tensor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.h"

namespace diffbir {

std::size_t element_count(const Shape& shape) {
  std::size_t count = 1;
  for (std::int64_t size : shape) {
    if (size < 0) throw Error(ErrorCode::internal, "negative size in tensor shape " + to_string(shape));
    const auto factor = static_cast<std::size_t>(size);
    if (factor != 0 && count > std::numeric_limits<std::size_t>::max() / sizeof(float) / factor) {
      throw Error(ErrorCode::out_of_memory, "tensor shape " + to_string(shape) + " is too large");
    }
    count *= factor;
  }
  return count;
}

std::string to_string(const Shape& shape) {
  std::string text;
  for (std::int64_t size : shape) {
    if (!text.empty()) text += 'x';
    text += std::to_string(size);
  }
  return text.empty() ? "scalar" : text;
}

Tensor::Tensor(Shape shape) : shape_(std::move(shape)), values_(element_count(shape_)) {}

Tensor::Tensor(Shape shape, std::vector<float> values) : shape_(std::move(shape)), values_(std::move(values)) {
  if (values_.size() != element_count(shape_)) {
    throw Error(ErrorCode::internal,
                std::to_string(values_.size()) + " values do not fill a tensor of " + to_string(shape_));
  }
}

std::span<float> Tensor::plane(std::int64_t batch, std::int64_t channel) {
  const auto area = static_cast<std::size_t>(dim(2) * dim(3));
  return values().subspan(static_cast<std::size_t>(batch * dim(1) + channel) * area, area);
}

std::span<const float> Tensor::plane(std::int64_t batch, std::int64_t channel) const {
  const auto area = static_cast<std::size_t>(dim(2) * dim(3));
  return values().subspan(static_cast<std::size_t>(batch * dim(1) + channel) * area, area);
}

void require_nchw(const Tensor& tensor, const std::string& where) {
  if (tensor.shape().size() != 4 || tensor.dim(2) < 1 || tensor.dim(3) < 1) {
    throw Error(ErrorCode::internal,
                "Expected an NCHW tensor with pixels for " + where + " but received " + to_string(tensor.shape()));
  }
}

void require_same_shape(const Tensor& a, const Tensor& b, const std::string& where) {
  if (a.shape() != b.shape()) {
    throw Error(ErrorCode::internal, "Expected tensors of one shape for " + where + " but received " +
                                         to_string(a.shape()) + " and " + to_string(b.shape()));
  }
}

void require_finite(const Tensor& tensor, const std::string& where) {
  const auto values = tensor.values();
  const auto bad = std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  if (bad != values.end()) {
    throw Error(ErrorCode::numeric, "Expected finite numbers in " + where + " but found " + std::to_string(*bad));
  }
}

}  // namespace diffbir
