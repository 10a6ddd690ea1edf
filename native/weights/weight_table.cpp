#include "weights/weight_table.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "weights/int8_weights.h"
#include "weights/mapped_file.h"

namespace diffbir {

namespace {

using U64 = std::uint64_t;

/// a * b, empty on overflow.
std::optional<U64> checked_multiply(U64 a, U64 b) {
  if (a != 0 && b > std::numeric_limits<U64>::max() / a) return std::nullopt;
  return a * b;
}

/// a + b, empty on overflow.
std::optional<U64> checked_add(U64 a, U64 b) {
  if (b > std::numeric_limits<U64>::max() - a) return std::nullopt;
  return a + b;
}

/// Bytes from element 0 to just behind the last element; 0 for a tensor without elements. Sizes and strides are not
/// negative. Empty when the arithmetic overflows.
std::optional<U64> extent_in_bytes(const TensorEntry& entry) {
  if (std::find(entry.shape.begin(), entry.shape.end(), 0) != entry.shape.end()) return 0;
  U64 last = 0;
  for (std::size_t axis = 0; axis < entry.shape.size(); ++axis) {
    const auto reach = checked_multiply(static_cast<U64>(entry.shape[axis]) - 1, static_cast<U64>(entry.strides[axis]));
    const auto sum = reach ? checked_add(last, *reach) : std::nullopt;
    if (!sum) return std::nullopt;
    last = *sum;
  }
  const auto elements = checked_add(last, 1);
  return elements ? checked_multiply(*elements, size_of(entry.dtype)) : std::nullopt;
}

/// Why the entry cannot be read from a file of this size; empty when it can.
std::string find_fault(const TensorEntry& entry, U64 file_size) {
  const auto negative = [](std::int64_t value) { return value < 0; };
  if (entry.shape.size() != entry.strides.size()) return "its shape and strides differ in length";
  if (std::any_of(entry.shape.begin(), entry.shape.end(), negative)) return "a size is negative";
  if (std::any_of(entry.strides.begin(), entry.strides.end(), negative)) return "a stride is negative";
  if (entry.end > file_size) return "its storage ends behind the end of the file";
  const auto extent = extent_in_bytes(entry);
  const auto end = extent ? checked_add(entry.offset, *extent) : std::nullopt;
  if (!end || *end > entry.end) return "it reaches behind the end of its storage";
  return "";
}

}  // namespace

std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::float64:
    case DType::int64:
      return 8;
    case DType::float32:
    case DType::int32:
      return 4;
    case DType::float16:
    case DType::bfloat16:
    case DType::int16:
      return 2;
    case DType::int8:
    case DType::uint8:
    case DType::boolean:
      return 1;
  }
  throw Error(ErrorCode::internal, "unknown dtype");
}

WeightTable::WeightTable(std::string file, std::uint64_t expected_size, const std::vector<TensorEntry>& entries)
    : file_(std::move(file)), mapping_(std::make_unique<const MappedFile>(file_)) {
  const auto bytes = mapping_->bytes();
  if (bytes.size() != expected_size) {
    throw Error(ErrorCode::invalid_checkpoint, "'" + file_ + "' has changed since it was read: expected " +
                                                   std::to_string(expected_size) + " bytes but found " +
                                                   std::to_string(bytes.size()));
  }
  tensors_.reserve(entries.size());
  for (const TensorEntry& entry : entries) {
    std::string fault = find_fault(entry, bytes.size());
    if (fault.empty()) {
      const WeightView view{entry.dtype, entry.shape, entry.strides, bytes.data() + entry.offset};
      if (!tensors_.emplace(entry.name, view).second) fault = "its name appears twice";
    }
    if (!fault.empty()) {
      throw Error(ErrorCode::invalid_checkpoint, "Cannot use tensor '" + entry.name + "' of '" + file_ + "': " + fault);
    }
  }
}

std::shared_ptr<const WeightTable> WeightTable::open(std::string file, std::uint64_t expected_size,
                                                     const std::vector<TensorEntry>& entries) {
  auto table = std::make_shared<const WeightTable>(std::move(file), expected_size, entries);
  // Never destroyed: a worker may still open a model when the process ends.
  static auto& mutex = *new std::mutex;
  static auto& tables = *new std::vector<std::weak_ptr<const WeightTable>>;
  const std::lock_guard lock(mutex);
  std::erase_if(tables, [](const auto& opened) { return opened.expired(); });
  for (const auto& opened : tables) {
    if (auto shared = opened.lock(); shared && shared->equals(*table)) return shared;
  }
  tables.push_back(table);
  return table;
}

WeightTable::~WeightTable() = default;

bool WeightTable::equals(const WeightTable& other) const {
  if (mapping_->identity() != other.mapping_->identity() || tensors_.size() != other.tensors_.size()) return false;
  return std::all_of(tensors_.begin(), tensors_.end(), [&](const auto& entry) {
    const auto& [name, view] = entry;
    const auto found = other.tensors_.find(name);
    if (found == other.tensors_.end()) return false;
    const WeightView& theirs = found->second;
    return view.dtype == theirs.dtype && view.shape == theirs.shape && view.strides == theirs.strides &&
           view.data - mapping_->bytes().data() == theirs.data - other.mapping_->bytes().data();
  });
}

std::shared_ptr<const Int8Weights> WeightTable::int8_weights(const std::string& name, int threads) const {
  const std::lock_guard lock(int8_mutex_);
  std::weak_ptr<const Int8Weights>& kept = int8_weights_[name];
  if (auto weights = kept.lock()) return weights;
  const auto view = find(name);
  if (!view) throw Error(ErrorCode::internal, "Expected " + name + " in " + file_);
  require_whole();
  auto weights = std::make_shared<const Int8Weights>(*view, threads);
  release_pages();  // read once: without this the whole checkpoint would be in memory at the end
  kept = weights;
  return weights;
}

std::optional<WeightView> WeightTable::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return std::nullopt;
  return found->second;
}

void WeightTable::require_whole() const {
  if (mapping_->is_whole()) return;
  throw Error(
      ErrorCode::invalid_checkpoint,
      "'" + file_ + "' has become shorter while it was in use: put the whole file back and load the model again");
}

void WeightTable::release_pages() const noexcept { mapping_->release_pages(); }

}  // namespace diffbir
