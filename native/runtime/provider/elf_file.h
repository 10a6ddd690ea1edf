#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weights/mapped_file.h"

namespace diffbir::runtime {

/// What a shared library for Linux says of itself, read from its bytes: to load it would run its code, and a provider
/// that is loaded before ONNX Runtime is ready for it crashes.
class ElfFile {
 public:
  /// Throws Error(no_device) that names the file where it cannot be read, or is no 64-bit library, or a part of one.
  explicit ElfFile(const std::string& path);

  const std::string& path() const noexcept { return path_; }
  /// Names of the libraries that it is linked with.
  const std::vector<std::string>& needed() const noexcept { return needed_; }
  /// Whether it contains this text, with a NUL before and behind.
  bool has_text(std::string_view text) const;
  /// Every such text of the form 1.29.0, once each.
  std::vector<std::string> versions() const;

 private:
  template <typename T>
  T at(std::uint64_t offset) const;
  std::string text_at(std::uint64_t offset) const;
  [[noreturn]] void fail(const std::string& reason) const;

  std::string path_;
  MappedFile file_;
  std::string_view bytes_;
  std::vector<std::string> needed_;
};

}  // namespace diffbir::runtime
