#ifdef __linux__

#include "runtime/provider/elf_file.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "runtime/provider/no_device.h"

namespace diffbir::runtime {

namespace {

MappedFile mapped(const std::string& path) try { return MappedFile(path); } catch (const Error& error) {
  throw_no_device(error.what(), install_cuda);
}

bool is_version(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  int dots = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_digit(text[i])) continue;
    const bool is_between = i > 0 && i + 1 < text.size() && is_digit(text[i - 1]) && is_digit(text[i + 1]);
    if (text[i] != '.' || !is_between) return false;
    ++dots;
  }
  return dots == 2;
}

}  // namespace

ElfFile::ElfFile(const std::string& path)
    : path_(path),
      file_(mapped(path)),
      bytes_(reinterpret_cast<const char*>(file_.bytes().data()), file_.bytes().size()) {
  const auto header = at<Elf64_Ehdr>(0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_type != ET_DYN) {
    fail("it is no shared library");
  }
  // A library that was not written whole ends the process when a page behind its end is touched.
  const auto require = [&](std::uint64_t offset, std::uint64_t size) {
    if (offset > bytes_.size() || bytes_.size() - offset < size) fail("it is cut off");
  };
  require(header.e_shoff, std::uint64_t{header.e_shnum} * header.e_shentsize);
  std::vector<Elf64_Phdr> segments;
  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    segments.push_back(at<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr)));
    require(segments.back().p_offset, segments.back().p_filesz);
  }
  const auto offset_of = [&](std::uint64_t address) {
    const auto segment = std::ranges::find_if(segments, [&](const Elf64_Phdr& s) {
      return s.p_type == PT_LOAD && address >= s.p_vaddr && address - s.p_vaddr < s.p_filesz;
    });
    if (segment == segments.end()) fail("it is damaged");
    return address - segment->p_vaddr + segment->p_offset;
  };
  const auto dynamic = std::ranges::find(segments, PT_DYNAMIC, &Elf64_Phdr::p_type);
  if (dynamic == segments.end()) fail("it is no shared library");

  std::uint64_t names = 0;
  std::vector<std::uint64_t> needed;
  for (std::uint64_t i = 0; i < dynamic->p_filesz / sizeof(Elf64_Dyn); ++i) {
    const auto entry = at<Elf64_Dyn>(dynamic->p_offset + i * sizeof(Elf64_Dyn));
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_STRTAB) names = offset_of(entry.d_un.d_ptr);
    if (entry.d_tag == DT_NEEDED) needed.push_back(entry.d_un.d_val);
  }
  for (const std::uint64_t name : needed) needed_.push_back(text_at(names + name));
}

bool ElfFile::has_text(std::string_view text) const {
  std::string whole(1, '\0');
  whole.append(text).push_back('\0');
  return bytes_.find(whole) != std::string_view::npos;
}

std::vector<std::string> ElfFile::versions() const {
  std::vector<std::string> found;
  constexpr std::size_t longest = 16;
  for (std::size_t begin = 0; begin < bytes_.size();) {
    const std::size_t end = std::min(bytes_.find('\0', begin), bytes_.size());
    const std::string_view text = bytes_.substr(begin, end - begin);
    if (text.size() <= longest && is_version(text) && std::ranges::find(found, text) == found.end()) {
      found.emplace_back(text);
    }
    begin = end + 1;
  }
  return found;
}

template <typename T>
T ElfFile::at(std::uint64_t offset) const {
  T value;
  if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) fail("it is cut off");
  std::memcpy(&value, bytes_.data() + offset, sizeof(T));
  return value;
}

std::string ElfFile::text_at(std::uint64_t offset) const {
  const std::size_t end = offset < bytes_.size() ? bytes_.find('\0', offset) : std::string_view::npos;
  if (end == std::string_view::npos) fail("it is cut off");
  return std::string(bytes_.substr(offset, end - offset));
}

void ElfFile::fail(const std::string& reason) const {
  throw_no_device(path_ + " cannot be used: " + reason, install_cuda);
}

}  // namespace diffbir::runtime

#endif
