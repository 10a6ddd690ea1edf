// What the addon asks of ONNX Runtime: it gets a copy of the C API's tables, in which some functions can fail, and work
// buffers from here.
#include <dlfcn.h>

#include <cstddef>
#include <cstring>
#include <type_traits>

#include "faults/api_table.h"
#include "faults/faults.h"
#include "graph/ort.h"

using diffbir::faults::fails;
using diffbir::faults::live;
using diffbir::faults::Site;

extern "C" {
void* __real_dlsym(void* library, const char* name);
int __real_posix_memalign(void** block, std::size_t alignment, std::size_t size);
void __real_free(void* block);
}

namespace {

const OrtApi* real;
const OrtModelEditorApi* real_editor;
OrtApi api;
OrtModelEditorApi editor;

/// A function of a table, that fails when its turn comes.
template <auto Member>
struct Failing;

template <typename Table, typename... Args, OrtStatusPtr (*Table::*Member)(Args...) noexcept>
struct Failing<Member> {
  static OrtStatusPtr call(Args... args) noexcept {
    if (fails(Site::runtime_call)) return real->CreateStatus(ORT_FAIL, "a fault of the test");
    if constexpr (std::is_same_v<Table, OrtApi>) {
      return (real->*Member)(args...);
    } else {
      return (real_editor->*Member)(args...);
    }
  }
};

OrtStatusPtr create_session(const OrtEnv* env, const void* model, std::size_t size, const OrtSessionOptions* options,
                            OrtSession** session) noexcept {
  const auto create = Failing<&OrtModelEditorApi::CreateModelEditorSessionFromArray>::call;
  OrtStatus* status = create(env, model, size, options, session);
  if (status == nullptr) ++live.sessions;
  return status;
}

void release_session(OrtSession* session) noexcept {
  if (session != nullptr) --live.sessions;
  real->ReleaseSession(session);
}

/// As ONNX Runtime's own allocators do: with an exception of the C++ library that it is linked with.
[[noreturn]] void throw_bad_alloc() {
  void* library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_NOLOAD);
  reinterpret_cast<void (*)()>(__real_dlsym(library, "_ZSt17__throw_bad_allocv"))();
  __builtin_unreachable();
}

void* allocate(OrtAllocator*, std::size_t size) {
  constexpr std::size_t alignment = 256;
  void* block = nullptr;
  if (size == 0) return nullptr;
  if (fails(Site::work_buffer) || __real_posix_memalign(&block, alignment, size) != 0) throw_bad_alloc();
  ++live.work_buffers;
  return block;
}

void release(OrtAllocator*, void* block) {
  if (block != nullptr) --live.work_buffers;
  __real_free(block);
}

/// In the place of the arena: each buffer by itself.
OrtStatusPtr register_allocator(OrtEnv* env, const OrtMemoryInfo*, const OrtArenaCfg*) noexcept {
  static OrtMemoryInfo* memory;
  static OrtAllocator allocator{};
  if (OrtStatus* status = real->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &memory)) return status;
  allocator.version = ORT_API_VERSION;
  allocator.Alloc = allocate;
  allocator.Reserve = allocate;
  allocator.Free = release;
  allocator.Info = [](const OrtAllocator*) { return static_cast<const OrtMemoryInfo*>(memory); };
  return real->RegisterAllocator(env, &allocator);
}

/// Runs ask for their arena to shrink, and here is none.
OrtStatusPtr add_run_config_entry(OrtRunOptions* options, const char* key, const char* value) noexcept {
  if (std::strcmp(key, "memory.enable_memory_arena_shrinkage") == 0) return nullptr;
  return Failing<&OrtApi::AddRunConfigEntry>::call(options, key, value);
}

}  // namespace

const OrtApi* diffbir::faults::table_in_place_of(const OrtApi* given) {
  real = given;
  real_editor = real->GetModelEditorApi();

  editor = *real_editor;
  editor.CreateModelEditorSessionFromArray = create_session;
  editor.CreateTensorTypeInfo = Failing<&OrtModelEditorApi::CreateTensorTypeInfo>::call;
  editor.CreateValueInfo = Failing<&OrtModelEditorApi::CreateValueInfo>::call;
  editor.CreateNode = Failing<&OrtModelEditorApi::CreateNode>::call;
  editor.CreateGraph = Failing<&OrtModelEditorApi::CreateGraph>::call;
  editor.SetGraphInputs = Failing<&OrtModelEditorApi::SetGraphInputs>::call;
  editor.SetGraphOutputs = Failing<&OrtModelEditorApi::SetGraphOutputs>::call;
  editor.AddInitializerToGraph = Failing<&OrtModelEditorApi::AddInitializerToGraph>::call;
  editor.AddNodeToGraph = Failing<&OrtModelEditorApi::AddNodeToGraph>::call;
  editor.CreateModel = Failing<&OrtModelEditorApi::CreateModel>::call;
  editor.AddGraphToModel = Failing<&OrtModelEditorApi::AddGraphToModel>::call;
  editor.ApplyModelToModelEditorSession = Failing<&OrtModelEditorApi::ApplyModelToModelEditorSession>::call;
  editor.FinalizeModelEditorSession = Failing<&OrtModelEditorApi::FinalizeModelEditorSession>::call;

  api = *real;
  api.GetModelEditorApi = []() noexcept { return static_cast<const OrtModelEditorApi*>(&editor); };
  api.ReleaseSession = release_session;
  api.CreateAndRegisterAllocator = register_allocator;
  api.Run = Failing<&OrtApi::Run>::call;
  api.CreateRunOptions = Failing<&OrtApi::CreateRunOptions>::call;
  api.AddRunConfigEntry = add_run_config_entry;
  api.CreateSessionOptions = Failing<&OrtApi::CreateSessionOptions>::call;
  api.AddSessionConfigEntry = Failing<&OrtApi::AddSessionConfigEntry>::call;
  api.AddCustomOpDomain = Failing<&OrtApi::AddCustomOpDomain>::call;
  api.CreateCpuMemoryInfo = Failing<&OrtApi::CreateCpuMemoryInfo>::call;
  api.CreateTensorAsOrtValue = Failing<&OrtApi::CreateTensorAsOrtValue>::call;
  api.CreateTensorWithDataAsOrtValue = Failing<&OrtApi::CreateTensorWithDataAsOrtValue>::call;
  api.GetTensorMutableData = Failing<&OrtApi::GetTensorMutableData>::call;
  api.KernelContext_GetAllocator = Failing<&OrtApi::KernelContext_GetAllocator>::call;
  api.KernelContext_GetOutput = Failing<&OrtApi::KernelContext_GetOutput>::call;
  api.KernelContext_ParallelFor = Failing<&OrtApi::KernelContext_ParallelFor>::call;
  api.KernelInfoGetAttribute_int64 = Failing<&OrtApi::KernelInfoGetAttribute_int64>::call;
  return &api;
}
