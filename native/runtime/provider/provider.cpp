#include "runtime/provider/provider.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/environment.h"
#include "runtime/ort_error.h"
#include "runtime/ort_library.h"
#include "runtime/provider/libraries.h"
#include "runtime/provider/no_device.h"

namespace diffbir::runtime {

namespace {

using Options = std::unordered_map<std::string, std::string>;

/// Whether NVIDIA's compiler lies with the libraries: cuDNN compiles its attention when it is first needed.
bool has_compiler(const Execution& execution) {
  std::error_code none;
  return std::filesystem::exists(std::filesystem::path(execution.libraries) / "libnvrtc.so.13", none);
}

/// What both doors to the CUDA provider take.
Options cuda_options(const Execution& execution, bool float16) {
  const bool compiles = has_compiler(execution);
  Options options{
      {"device_id", std::to_string(execution.device)},
      {"do_copy_in_default_stream", "1"},
      {"arena_extend_strategy", "kSameAsRequested"},
      // Ten bits of a factor, and the reference's numbers are in float32. In float16 it has to be on: without it the
      // provider takes no plan with tensor cores for a convolution, whatever its type.
      {"use_tf32", float16 ? "1" : "0"},
      // The best algorithm would be tried out for each size of each convolution.
      {"cudnn_conv_algo_search", "HEURISTIC"},
      {"cudnn_conv_use_max_workspace", "1"},
      // cuDNN would compile each of them (docs/decisions/0025).
      {"fuse_conv_bias", "0"},
      // graph::Fusions::nhwc has it done already.
      {"prefer_nhwc", "0"},
      // Flash (1) and memory-efficient (2) attention, and cuDNN's (8), which is faster and wants a compiler: those of
      // TensorRT overflow in Stable Diffusion 2.1 (docs/decisions/0026).
      {"sdpa_kernel", compiles ? "11" : "3"},
      {"enable_cuda_graph", execution.cuda_graphs ? "1" : "0"},
  };
  if (execution.memory_limit > 0) options["gpu_mem_limit"] = std::to_string(execution.memory_limit);
  return options;
}

void append_cuda(Ort::SessionOptions& options, const Execution& execution, const ProviderSettings& settings) {
  Ort::CUDAProviderOptions cuda;
  cuda.Update(cuda_options(execution, settings.float16));
  if (settings.stream != nullptr) cuda.UpdateWithValue("user_compute_stream", settings.stream);
  options.AppendExecutionProvider_CUDA_V2(*cuda);
}

/// The other door: a library with an interface of its own, which ONNX Runtime takes by its path.
void append_plugin(Ort::SessionOptions& options, const Execution& execution, const ProviderSettings& settings) {
  constexpr const char* name = "CudaPluginExecutionProvider";
  const std::string file = (std::filesystem::path(execution.libraries) / cuda_plugin_file).string();
  static bool is_registered = false;  // by the caller's mutex
  if (!is_registered) environment().RegisterExecutionProviderLibrary(name, std::filesystem::path(file).native());
  is_registered = true;
  // In the order in which the plugin lists them, CUDA's.
  std::vector<Ort::ConstEpDevice> devices;
  for (const Ort::ConstEpDevice& device : environment().GetEpDevices()) {
    if (std::string(device.EpName()) == name) devices.push_back(device);
  }
  const auto index = static_cast<std::size_t>(execution.device);
  if (index >= devices.size()) {
    throw_no_device(file + " sees " + std::to_string(devices.size()) + " GPUs, and number " +
                        std::to_string(execution.device) + " was asked for",
                    run_doctor);
  }
  Options given = cuda_options(execution, settings.float16);
  given.erase("device_id");
  if (settings.stream != nullptr) {
    given["user_compute_stream"] = std::to_string(reinterpret_cast<std::uintptr_t>(settings.stream));
  }
  options.AppendExecutionProvider_V2(environment(), {devices[index]}, given);
}

struct TensorRtOptions {
  OrtTensorRTProviderOptionsV2* value = nullptr;
  TensorRtOptions() { Ort::ThrowOnError(Ort::GetApi().CreateTensorRTProviderOptions(&value)); }
  ~TensorRtOptions() { Ort::GetApi().ReleaseTensorRTProviderOptions(value); }
  TensorRtOptions(const TensorRtOptions&) = delete;
  TensorRtOptions& operator=(const TensorRtOptions&) = delete;
};

void append_tensorrt(Ort::SessionOptions& options, const Execution& execution, const ProviderSettings& settings) {
  const std::filesystem::path timings = execution.cache;
  const std::filesystem::path engines = timings / settings.engines;
  std::filesystem::create_directories(engines);
  const Options given{
      {"device_id", std::to_string(execution.device)},
      {"trt_fp16_enable", settings.float16 ? "1" : "0"},
      {"trt_engine_cache_enable", "1"},
      {"trt_engine_cache_path", engines.string()},
      {"trt_timing_cache_enable", "1"},
      {"trt_timing_cache_path", timings.string()},
      {"trt_cuda_graph_enable", execution.cuda_graphs ? "1" : "0"},
  };
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : given) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  const TensorRtOptions tensorrt;
  const OrtApi& api = Ort::GetApi();
  Ort::ThrowOnError(api.UpdateTensorRTProviderOptions(tensorrt.value, keys.data(), values.data(), keys.size()));
  if (settings.stream != nullptr) {
    Ort::ThrowOnError(
        api.UpdateTensorRTProviderOptionsWithValue(tensorrt.value, "user_compute_stream", settings.stream));
  }
  options.AppendExecutionProvider_TensorRT_V2(*tensorrt.value);
  append_cuda(options, execution, settings);  // for what TensorRT does not take
}

/// Nothing is printed of a provider that does not start: what there is to say is in the error.
class Quiet {
 public:
  Quiet() { environment().UpdateEnvWithCustomLogLevel(ORT_LOGGING_LEVEL_FATAL); }
  ~Quiet() { environment().UpdateEnvWithCustomLogLevel(log_level); }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
};

const char* name_of(graph::Provider provider) { return provider == graph::Provider::tensorrt ? "TensorRT" : "CUDA"; }

}  // namespace

void append_provider(Ort::SessionOptions& options, const Execution& execution, const ProviderSettings& settings) {
  if (execution.on_cpu()) return;
  load_libraries(execution);
  static auto& one_at_a_time = *new std::mutex;
  const std::lock_guard lock(one_at_a_time);
  const Quiet quiet;
  const OrtElsewhere folder(execution.libraries);
  try {
    if (execution.provider == graph::Provider::tensorrt) {
      append_tensorrt(options, execution, settings);
    } else if (has_cuda_plugin(execution)) {
      append_plugin(options, execution, settings);
    } else {
      append_cuda(options, execution, settings);
    }
  } catch (const Ort::Exception& error) {
    std::string words = error.what();
    words.resize(words.find_last_not_of(" .\n") + 1);
    throw_no_device("The " + std::string(name_of(execution.provider)) + " provider of " + execution.libraries +
                        " does not start on device " + std::to_string(execution.device) + ": " + words,
                    run_doctor);
  } catch (const std::filesystem::filesystem_error& error) {
    throw_no_device("The folder for the engines of TensorRT cannot be made: " + std::string(error.what()),
                    "Make it writable, or name another cache folder");
  }
}

Ort::MemoryInfo gpu_memory(int index) { return {"Cuda", OrtDeviceAllocator, index, OrtMemTypeDefault}; }

Ort::Allocator pinned_memory(const Ort::Session& session, const Execution& execution) {
  if (execution.on_cpu()) return Ort::Allocator(nullptr);
  // Some versions number it by its GPU, others have one number for all.
  for (const int index : {execution.device, 0}) {
    try {
      return {session, Ort::MemoryInfo("CudaPinned", OrtDeviceAllocator, index, OrtMemTypeCPUOutput)};
    } catch (const Ort::Exception&) {
    }
  }
  return Ort::Allocator(nullptr);
}

bool is_on_gpu(const Ort::Value& value) {
  return value.GetTensorMemoryInfo().GetDeviceType() == OrtMemoryInfoDeviceType_GPU;
}

Ort::MemoryInfo device_memory(const Execution& execution) {
  if (execution.on_cpu()) return Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
  return gpu_memory(execution.device);
}

}  // namespace diffbir::runtime
