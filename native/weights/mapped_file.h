#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace diffbir {

/// Tells one state of one file from all others for as long as it is mapped: by then its number cannot go to another
/// file.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t number = 0;  // the inode
  std::uint64_t size = 0;
  std::int64_t changed = 0;  // when, in the system's finest unit

  bool operator==(const FileIdentity&) const = default;
};

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
  const FileIdentity& identity() const noexcept { return identity_; }

  /// Gives the pages that have been read back to the system; what is touched again is read again. On Windows the system
  /// takes them itself when memory runs short. No harm to whoever reads the file at the same time.
  void release_pages() const noexcept;

 private:
  std::span<const std::byte> bytes_;
  int descriptor_ = -1;  // stays open for is_whole(): another file may have taken the path
  FileIdentity identity_;
};

}  // namespace diffbir
