#ifdef __linux__

#include "runtime/provider/empty_library.h"

#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <system_error>

#include "runtime/provider/no_device.h"

namespace diffbir::runtime {

namespace {

#ifdef __aarch64__
constexpr Elf64_Half machine = EM_AARCH64;
#else
constexpr Elf64_Half machine = EM_X86_64;
#endif

/// What a loader must find in a library: segments, the table of its properties, and tables of no symbols.
struct Image {
  Elf64_Ehdr header{};
  Elf64_Phdr segments[3]{};
  Elf64_Dyn properties[8]{};
  Elf64_Sym symbol{};  // the first is none
  std::uint32_t hash[4]{1, 1, 0, 0};
  char names[256]{};
};

constexpr std::uint64_t page = 0x1000;

Image library(std::string_view name, std::string_view target) {
  Image image;
  auto& header = image.header;
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_DYN;
  header.e_machine = machine;
  header.e_version = EV_CURRENT;
  header.e_phoff = offsetof(Image, segments);
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = std::size(image.segments);
  image.segments[0] = {.p_type = PT_LOAD,
                       .p_flags = PF_R | PF_W,
                       .p_offset = 0,
                       .p_vaddr = 0,
                       .p_paddr = 0,
                       .p_filesz = sizeof(Image),
                       .p_memsz = sizeof(Image),
                       .p_align = page};
  constexpr std::uint64_t properties = offsetof(Image, properties);
  image.segments[1] = {.p_type = PT_DYNAMIC,
                       .p_flags = PF_R | PF_W,
                       .p_offset = properties,
                       .p_vaddr = properties,
                       .p_paddr = properties,
                       .p_filesz = sizeof(image.properties),
                       .p_memsz = sizeof(image.properties),
                       .p_align = alignof(Elf64_Dyn)};
  // Without it the loader would make every stack executable.
  image.segments[2] = {.p_type = PT_GNU_STACK,
                       .p_flags = PF_R | PF_W,
                       .p_offset = 0,
                       .p_vaddr = 0,
                       .p_paddr = 0,
                       .p_filesz = 0,
                       .p_memsz = 0,
                       .p_align = 16};
  const std::size_t name_at = 1;
  const std::size_t target_at = name_at + name.size() + 1;
  name.copy(image.names + name_at, name.size());
  target.copy(image.names + target_at, target.size());
  const auto entry = [](Elf64_Sxword tag, Elf64_Xword value) { return Elf64_Dyn{.d_tag = tag, .d_un = {value}}; };
  const Elf64_Dyn entries[] = {entry(DT_NEEDED, target_at),           entry(DT_SONAME, name_at),
                               entry(DT_HASH, offsetof(Image, hash)), entry(DT_STRTAB, offsetof(Image, names)),
                               entry(DT_STRSZ, sizeof(image.names)),  entry(DT_SYMTAB, offsetof(Image, symbol)),
                               entry(DT_SYMENT, sizeof(Elf64_Sym)),   entry(DT_NULL, 0)};
  static_assert(sizeof(entries) == sizeof(image.properties));
  std::memcpy(image.properties, entries, sizeof(entries));
  return image;
}

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) close(value);
  }
};

}  // namespace

void load_empty_library(const std::string& name, const std::string& target) {
  const auto fail = [&](const std::string& reason) {
    throw_no_device("Cannot make " + target + " known as " + name + ": " + reason, run_doctor);
  };
  if (name.size() + target.size() + 3 > sizeof(Image::names)) fail("the names are too long");
  const Image image = library(name, target);
  const Descriptor file{memfd_create(name.c_str(), MFD_CLOEXEC)};
  if (file.value < 0 || write(file.value, &image, sizeof(image)) != static_cast<ssize_t>(sizeof(image))) {
    fail(std::system_category().message(errno));
  }
  const std::string path = "/proc/self/fd/" + std::to_string(file.value);
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) fail(dlerror());
}

}  // namespace diffbir::runtime

#endif
