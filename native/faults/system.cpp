// What the addon asks of the C library. The linker gives each `name` of the addon's objects, and of the C++ library
// that is linked into it, `__wrap_name`, and the C library's own is `__real_name`.
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdarg>
#include <cstddef>

#include "faults/faults.h"

using diffbir::faults::fails;
using diffbir::faults::live;
using diffbir::faults::Site;

namespace {

void* counted(void* block) {
  if (block != nullptr) ++live.allocations;
  return block;
}

}  // namespace

extern "C" {

void* __real_malloc(std::size_t size);
void* __real_calloc(std::size_t count, std::size_t size);
void* __real_realloc(void* block, std::size_t size);
void* __real_aligned_alloc(std::size_t alignment, std::size_t size);
int __real_posix_memalign(void** block, std::size_t alignment, std::size_t size);
void __real_free(void* block);
int __real_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument);
int __real_open(const char* path, int flags, ...);
int __real_close(int file);
int __real_fstat(int file, struct stat* status);
void* __real_mmap(void* address, std::size_t size, int protection, int flags, int file, off_t offset);
int __real_munmap(void* address, std::size_t size);

void* __wrap_malloc(std::size_t size) { return fails(Site::allocation) ? nullptr : counted(__real_malloc(size)); }

void* __wrap_calloc(std::size_t count, std::size_t size) {
  return fails(Site::allocation) ? nullptr : counted(__real_calloc(count, size));
}

void* __wrap_realloc(void* block, std::size_t size) {
  if (fails(Site::allocation)) return nullptr;
  return block == nullptr ? counted(__real_realloc(block, size)) : __real_realloc(block, size);
}

void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size) {
  return fails(Site::allocation) ? nullptr : counted(__real_aligned_alloc(alignment, size));
}

int __wrap_posix_memalign(void** block, std::size_t alignment, std::size_t size) {
  if (fails(Site::allocation)) return ENOMEM;
  const int error = __real_posix_memalign(block, alignment, size);
  if (error == 0) ++live.allocations;
  return error;
}

void __wrap_free(void* block) {
  if (block != nullptr) --live.allocations;
  __real_free(block);
}

int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
  return fails(Site::thread) ? EAGAIN : __real_pthread_create(thread, attributes, run, argument);
}

int __wrap_open(const char* path, int flags, ...) {
  if (fails(Site::file)) {
    errno = EMFILE;
    return -1;
  }
  va_list rest;
  va_start(rest, flags);
  const int file = __real_open(path, flags, va_arg(rest, int));
  va_end(rest);
  if (file >= 0) ++live.files;
  return file;
}

int __wrap_close(int file) {
  --live.files;
  return __real_close(file);
}

int __wrap_fstat(int file, struct stat* status) {
  if (!fails(Site::file)) return __real_fstat(file, status);
  errno = EIO;
  return -1;
}

void* __wrap_mmap(void* address, std::size_t size, int protection, int flags, int file, off_t offset) {
  if (fails(Site::file)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  void* mapping = __real_mmap(address, size, protection, flags, file, offset);
  if (mapping != MAP_FAILED) ++live.mappings;
  return mapping;
}

int __wrap_munmap(void* address, std::size_t size) {
  --live.mappings;
  return __real_munmap(address, size);
}

}  // extern "C"
