#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/tensor.h"

namespace diffbir {

class Int8Weights;
class MappedFile;

enum class DType { float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, boolean };

/// Bytes of one element.
std::size_t size_of(DType dtype);

/// Where one tensor lies in its file, as `src/checkpoint` found it. Untrusted until WeightTable has checked it.
struct TensorEntry {
  std::string name;
  DType dtype;
  Shape shape;
  Shape strides;         // in elements
  std::uint64_t offset;  // bytes, of element 0
  std::uint64_t end;     // bytes, just behind the storage
};

/// One tensor inside a mapped file. Valid as long as its WeightTable.
struct WeightView {
  DType dtype;
  Shape shape;
  Shape strides;
  const std::byte* data;

  /// Row-major without gaps, so that its bytes can be used as they lie (if they are also aligned).
  bool contiguous() const;
  /// The data's address is a multiple of the element size. Files promise no alignment.
  bool aligned() const;
  /// Converts and gathers into float32, on so many threads.
  std::vector<float> to_float32(int threads = 1) const;
  /// The same into memory for as many values as the shape has.
  void to_float32(std::span<float> values, int threads = 1) const;
  /// The same to the bits of the nearest float16 (core/half.h).
  void to_float16(std::span<std::uint16_t> values, int threads = 1) const;
};

/// A checkpoint file mapped read-only, with its tensors by official key name. Copies nothing.
/// Throws Error(invalid_checkpoint) that names the file when it cannot be mapped, has changed its size since it was
/// parsed, or an entry reaches outside its storage or the file.
class WeightTable {
 public:
  WeightTable(std::string file, std::uint64_t expected_size, const std::vector<TensorEntry>& entries);
  /// The same, or the equal table that is open in this process already: of the same state of the same file, with the
  /// same entries. May be called on any thread.
  static std::shared_ptr<const WeightTable> open(std::string file, std::uint64_t expected_size,
                                                 const std::vector<TensorEntry>& entries);
  ~WeightTable();
  WeightTable(const WeightTable&) = delete;
  WeightTable& operator=(const WeightTable&) = delete;

  const std::string& file() const noexcept { return file_; }
  std::optional<WeightView> find(const std::string& name) const;
  /// The tensor of this name in 8 bits: packed now, on so many threads, or what another network still has of it. May be
  /// called on any thread.
  std::shared_ptr<const Int8Weights> int8_weights(const std::string& name, int threads = 1) const;

  /// Throws Error(invalid_checkpoint) when the file has become shorter since it was mapped (MappedFile::is_whole):
  /// to be called before its bytes are read again after other things were done.
  void require_whole() const;

  /// MappedFile::release_pages().
  void release_pages() const noexcept;

 private:
  bool equals(const WeightTable& other) const;

  std::string file_;
  std::unique_ptr<const MappedFile> mapping_;
  std::unordered_map<std::string, WeightView> tensors_;
  mutable std::mutex int8_mutex_;
  mutable std::unordered_map<std::string, std::weak_ptr<const Int8Weights>> int8_weights_;
};

}  // namespace diffbir
