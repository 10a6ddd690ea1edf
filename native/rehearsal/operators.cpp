#include "rehearsal/operators.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <string_view>
#include <vector>

#include "faults/api_table.h"
#include "rehearsal/state.h"

namespace {

std::atomic<bool> are_moved = false;
const OrtApi* real;
OrtApi api;

/// The processor has a GroupNorm of its own.
bool is_of_gpu_alone(const OrtCustomOp* op) {
  const std::string_view name = op->GetName(op);
  return name.starts_with("Fused") || name == "NhwcGroupNorm";
}

OrtStatusPtr add_operator(OrtCustomOpDomain* domain, const OrtCustomOp* op) noexcept {
  if (are_moved && is_of_gpu_alone(op)) {
    const_cast<OrtCustomOp*>(op)->GetExecutionProviderType = [](const OrtCustomOp*) -> const char* { return nullptr; };
  }
  return real->CustomOpDomain_Add(domain, op);
}

/// A GPU has its weights where it wants them; here they may lie in a file that is mapped, at any place.
OrtStatusPtr tensor_data(const OrtValue* value, const void** data) noexcept {
  constexpr std::size_t alignment = 16;
  static std::mutex mutex;
  static auto& copies = *new std::map<const void*, std::vector<float4>>;
  if (OrtStatus* status = real->GetTensorData(value, data)) return status;
  if (!are_moved || reinterpret_cast<std::uintptr_t>(*data) % alignment == 0) return nullptr;
  std::size_t bytes = 0;
  if (OrtStatus* status = real->GetTensorSizeInBytes(value, &bytes)) return status;
  const std::lock_guard lock(mutex);
  std::vector<float4>& copy = copies[*data];
  copy.resize((bytes + alignment - 1) / alignment);
  std::memcpy(copy.data(), *data, bytes);
  *data = copy.data();
  return nullptr;
}

}  // namespace

void diffbir::rehearsal::move_operators(bool moves) { are_moved = moves; }

const OrtApi* diffbir::faults::table_in_place_of(const OrtApi* given) {
  real = given;
  api = *real;
  api.CustomOpDomain_Add = add_operator;
  api.GetTensorData = tensor_data;
  return &api;
}
