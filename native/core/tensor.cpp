#include "core/tensor.h"

#include <algorithm>
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

namespace {

void require_host(const Tensor& tensor) {
  if (tensor.device()) {
    throw Error(ErrorCode::internal,
                "Expected a tensor on the host but received " + to_string(tensor.shape()) + " on a device");
  }
}

}  // namespace

Tensor::Tensor(Shape shape) : shape_(std::move(shape)), values_(element_count(shape_)) { locate(); }

Tensor::Tensor(Shape shape, std::shared_ptr<Device> device) : shape_(std::move(shape)) {
  const std::size_t count = element_count(shape_);
  if (!device) {
    values_.resize(count);
  } else {
    memory_ = DeviceMemory(std::move(device), count);
    if (count != 0) memory_.device()->zero(memory_.data(), count);
  }
  locate();
}

Tensor::Tensor(Shape shape, std::vector<float> values) : shape_(std::move(shape)), values_(std::move(values)) {
  if (values_.size() != element_count(shape_)) {
    throw Error(ErrorCode::internal,
                std::to_string(values_.size()) + " values do not fill a tensor of " + to_string(shape_));
  }
  locate();
}

Tensor::Tensor(const Tensor& other) : shape_(other.shape_), values_(other.values_), memory_(other.memory_) { locate(); }

Tensor::Tensor(Tensor&& other) noexcept
    : shape_(std::move(other.shape_)), values_(std::move(other.values_)), memory_(std::move(other.memory_)) {
  locate();
  other.locate();
}

Tensor& Tensor::operator=(Tensor other) noexcept {
  std::swap(shape_, other.shape_);
  std::swap(values_, other.values_);
  std::swap(memory_, other.memory_);
  locate();
  return *this;
}

void Tensor::locate() noexcept {
  size_ = device() ? memory_.size() : values_.size();
  data_ = device() ? memory_.data() : values_.data();
}

Tensor Tensor::to(const std::shared_ptr<Device>& target) const& {
  if (target == device()) return *this;
  if (device() && target) return to_host().to(target);
  Tensor result(shape_, target);
  if (empty()) return result;
  if (target) {
    target->upload(data(), result.data(), size());
  } else {
    device()->download(data(), result.data(), size());
  }
  return result;
}

Tensor Tensor::to(const std::shared_ptr<Device>& target) && {
  return target == device() ? std::move(*this) : std::as_const(*this).to(target);
}

std::span<float> Tensor::values() {
  require_host(*this);
  return values_;
}

std::span<const float> Tensor::values() const {
  require_host(*this);
  return values_;
}

std::vector<float> Tensor::release() && {
  require_host(*this);
  std::vector<float> values = std::move(values_);
  locate();
  return values;
}

std::span<float> Tensor::plane(std::int64_t batch, std::int64_t channel) {
  const auto area = static_cast<std::size_t>(dim(2) * dim(3));
  return values().subspan(static_cast<std::size_t>(batch * dim(1) + channel) * area, area);
}

std::span<const float> Tensor::plane(std::int64_t batch, std::int64_t channel) const {
  const auto area = static_cast<std::size_t>(dim(2) * dim(3));
  return values().subspan(static_cast<std::size_t>(batch * dim(1) + channel) * area, area);
}

void copy_values(const Tensor& from, std::size_t first, std::size_t count, Tensor& to, std::size_t place) {
  if (from.device() != to.device()) {
    throw Error(ErrorCode::internal, "Expected two tensors in one memory to copy from one to the other");
  }
  if (count > from.size() || first > from.size() - count || count > to.size() || place > to.size() - count) {
    throw Error(ErrorCode::internal, "Cannot copy " + std::to_string(count) + " values of " + to_string(from.shape()) +
                                         " from " + std::to_string(first) + " to " + std::to_string(place) + " of " +
                                         to_string(to.shape()));
  }
  if (count == 0) return;
  if (from.device()) {
    from.device()->copy(from.data() + first, to.data() + place, count);
  } else {
    std::copy_n(from.data() + first, count, to.data() + place);
  }
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

bool all_finite(const Tensor& tensor) {
  if (tensor.device()) return tensor.device()->all_finite(tensor.data(), tensor.size());
  return HostCheck(tensor.values()).passed();
}

void require_finite(const Tensor& tensor, const std::string& where) {
  if (!all_finite(tensor)) throw not_finite(where);
}

Error not_finite(const std::string& where) {
  return Error(ErrorCode::numeric, "Expected finite numbers in " + where + " but found NaN or infinity");
}

}  // namespace diffbir
