#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "core/error.h"
#include "core/half.h"
#include "core/split_work.h"
#include "weights/weight_table.h"

namespace diffbir {

namespace {

/// Elements that are worth a thread: some tenths of a millisecond.
constexpr std::size_t least_converted = std::size_t{1} << 19;

/// Files promise no alignment, so elements are copied out; compilers make a plain load of it.
template <typename Stored>
Stored load(const std::byte* at) {
  Stored value;
  std::memcpy(&value, at, sizeof(Stored));
  return value;
}

/// Writes elements in row-major order of `view.shape` to `out` and returns the position behind the last.
template <typename Stored, typename Out, typename Convert>
Out* gather(const WeightView& view, std::size_t axis, const std::byte* at, Out* out, Convert convert) {
  if (axis == view.shape.size()) {
    *out = convert(load<Stored>(at));
    return out + 1;
  }
  const auto size = static_cast<std::size_t>(view.shape[axis]);
  // Unsigned: the stride of an axis of size 1 is unchecked, never used, and may overflow here.
  const std::size_t step = static_cast<std::size_t>(view.strides[axis]) * sizeof(Stored);
  if (axis + 1 == view.shape.size()) {
    for (std::size_t i = 0; i < size; ++i) out[i] = convert(load<Stored>(at + i * step));
    return out + size;
  }
  for (std::size_t i = 0; i < size; ++i) out = gather<Stored>(view, axis + 1, at + i * step, out, convert);
  return out;
}

template <typename Stored, typename Out, typename Convert>
void convert_all(const WeightView& view, std::span<Out> values, int threads, Convert convert) {
  if (values.empty()) return;
  if (view.contiguous()) {
    split_work(values.size(), least_converted, threads, [&](std::size_t first, std::size_t end) {
      for (std::size_t i = first; i < end; ++i) values[i] = convert(load<Stored>(view.data + i * sizeof(Stored)));
    });
  } else {
    gather<Stored>(view, 0, view.data, values.data(), convert);
  }
}

/// Calls use(of a Stored, the float32 of a stored element).
template <typename Use>
void with_conversion(DType dtype, Use use) {
  const auto number = [](auto value) { return static_cast<float>(value); };
  switch (dtype) {
    case DType::float64:
      return use(double{}, number);
    case DType::float32:
      return use(float{}, number);
    case DType::float16:
      return use(std::uint16_t{}, [](std::uint16_t half) { return half_to_float(half); });
    case DType::bfloat16:
      return use(std::uint16_t{}, [](std::uint16_t half) { return bfloat16_to_float(half); });
    case DType::int64:
      return use(std::int64_t{}, number);
    case DType::int32:
      return use(std::int32_t{}, number);
    case DType::int16:
      return use(std::int16_t{}, number);
    case DType::int8:
      return use(std::int8_t{}, number);
    case DType::uint8:
      return use(std::uint8_t{}, number);
    case DType::boolean:
      return use(std::uint8_t{}, [](std::uint8_t value) { return value != 0 ? 1.0F : 0.0F; });
  }
  throw Error(ErrorCode::internal, "unknown dtype");
}

}  // namespace

bool WeightView::contiguous() const {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return true;
  std::int64_t expected = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] == 1) continue;  // its stride is never used
    if (strides[axis] != expected) return false;
    expected *= shape[axis];  // cannot overflow: the strides so far have been checked against the file's size
  }
  return true;
}

bool WeightView::aligned() const { return reinterpret_cast<std::uintptr_t>(data) % size_of(dtype) == 0; }

std::vector<float> WeightView::to_float32(int threads) const {
  std::vector<float> values(element_count(shape));
  to_float32(values, threads);
  return values;
}

void WeightView::to_float32(std::span<float> values, int threads) const {
  with_conversion(dtype,
                  [&]<typename Stored>(Stored, auto convert) { convert_all<Stored>(*this, values, threads, convert); });
}

void WeightView::to_float16(std::span<std::uint16_t> values, int threads) const {
  if (dtype == DType::float16) {
    return convert_all<std::uint16_t>(*this, values, threads, [](std::uint16_t half) { return half; });
  }
  with_conversion(dtype, [&]<typename Stored>(Stored, auto convert) {
    convert_all<Stored>(*this, values, threads, [&](Stored value) { return float_to_half(convert(value)); });
  });
}

}  // namespace diffbir
