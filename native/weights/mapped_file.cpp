#include "weights/mapped_file.h"

#include <cstdint>
#include <system_error>
#include <utility>

#include "core/error.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <filesystem>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace diffbir {

namespace {

[[noreturn]] void fail(const std::string& path, int system_error) {
  throw Error(ErrorCode::invalid_checkpoint,
              "Cannot map '" + path + "': " + std::system_category().message(system_error));
}

}  // namespace

#ifdef _WIN32

namespace {

struct Handle {
  HANDLE value;
  ~Handle() {
    if (value != nullptr && value != INVALID_HANDLE_VALUE) CloseHandle(value);
  }
};

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const std::filesystem::path wide(std::u8string(path.begin(), path.end()));
  const Handle file{CreateFileW(wide.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, 0, nullptr)};
  BY_HANDLE_FILE_INFORMATION status;
  if (file.value == INVALID_HANDLE_VALUE || !GetFileInformationByHandle(file.value, &status)) {
    fail(path, static_cast<int>(GetLastError()));
  }
  const auto joined = [](DWORD high, DWORD low) { return std::uint64_t{high} << 32 | low; };
  identity_ = {.device = status.dwVolumeSerialNumber,
               .number = joined(status.nFileIndexHigh, status.nFileIndexLow),
               .size = joined(status.nFileSizeHigh, status.nFileSizeLow),
               .changed = static_cast<std::int64_t>(
                   joined(status.ftLastWriteTime.dwHighDateTime, status.ftLastWriteTime.dwLowDateTime))};
  if (identity_.size == 0) return;  // an empty file cannot be mapped
  const Handle mapping{CreateFileMappingW(file.value, nullptr, PAGE_READONLY, 0, 0, nullptr)};
  if (mapping.value == nullptr) fail(path, static_cast<int>(GetLastError()));
  const void* base = MapViewOfFile(mapping.value, FILE_MAP_READ, 0, 0, 0);
  if (base == nullptr) fail(path, static_cast<int>(GetLastError()));
  bytes_ = {static_cast<const std::byte*>(base), static_cast<std::size_t>(identity_.size)};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) UnmapViewOfFile(bytes_.data());
}

bool MappedFile::is_whole() const noexcept { return true; }

void MappedFile::release_pages() const noexcept {}

#else

namespace {

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) close(value);
  }
};

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status {};
  if (file.value < 0 || fstat(file.value, &status) != 0) fail(path, errno);
  if (!S_ISREG(status.st_mode)) fail(path, EINVAL);
#ifdef __APPLE__
  const timespec changed = status.st_ctimespec;
#else
  const timespec changed = status.st_ctim;
#endif
  identity_ = {.device = static_cast<std::uint64_t>(status.st_dev),
               .number = static_cast<std::uint64_t>(status.st_ino),
               .size = static_cast<std::uint64_t>(status.st_size),
               .changed = std::int64_t{changed.tv_sec} * 1'000'000'000 + changed.tv_nsec};
  if (status.st_size == 0) return;  // an empty file cannot be mapped
  const auto size = static_cast<std::size_t>(status.st_size);
  void* base = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value, 0);
  if (base == MAP_FAILED) fail(path, errno);
  bytes_ = {static_cast<const std::byte*>(base), size};
  descriptor_ = std::exchange(file.value, -1);
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  close(descriptor_);
}

bool MappedFile::is_whole() const noexcept {
  struct stat status {};
  return bytes_.empty() ||
         (fstat(descriptor_, &status) == 0 && static_cast<std::size_t>(status.st_size) >= bytes_.size());
}

void MappedFile::release_pages() const noexcept {
  if (!bytes_.empty()) madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
}

#endif

}  // namespace diffbir
