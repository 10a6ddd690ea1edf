#include "faults/api_table.h"

#include <cstdint>
#include <cstring>

extern "C" void* __real_dlsym(void* library, const char* name);

namespace {

const OrtApiBase* real_base;
OrtApiBase base;

const OrtApi* get_api(std::uint32_t version) noexcept {
  const OrtApi* const real = real_base->GetApi(version);
  return real == nullptr ? nullptr : diffbir::faults::table_in_place_of(real);
}

const OrtApiBase* get_api_base() noexcept {
  base = *real_base;
  base.GetApi = get_api;
  return &base;
}

}  // namespace

extern "C" void* __wrap_dlsym(void* library, const char* name) {
  void* symbol = __real_dlsym(library, name);
  if (symbol == nullptr || std::strcmp(name, "OrtGetApiBase") != 0) return symbol;
  real_base = reinterpret_cast<const OrtApiBase* (*)()>(symbol)();
  return reinterpret_cast<void*>(get_api_base);
}
