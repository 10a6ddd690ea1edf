#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace diffbir {

/// A whole file mapped read-only; pages are read when they are touched and can be dropped again by the system.
/// Throws Error(invalid_checkpoint) with the file's name and the system's own words when it cannot be mapped.
class MappedFile {
 public:
  /// `path` is UTF-8.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const noexcept { return bytes_; }

  /// Whether the file is still as long as what is mapped. Touching a page behind its end would kill the process. On
  /// Windows nobody can write to a file that is mapped so.
  bool is_whole() const noexcept;

  /// Gives the pages that have been read back to the system; what is touched again is read again. On Windows the system
  /// takes them itself when memory runs short.
  void release_pages() const noexcept;

 private:
  std::span<const std::byte> bytes_;
  int descriptor_ = -1;  // stays open for is_whole(): another file may have taken the path
};

}  // namespace diffbir
