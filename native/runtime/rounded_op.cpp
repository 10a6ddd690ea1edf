#include "runtime/rounded_op.h"

#include <cstdint>
#include <cstring>
#include <exception>

namespace diffbir::runtime {

OrtStatusPtr RoundedKernel::ComputeV2(OrtKernelContext* raw_context) noexcept try {
  const Ort::KernelContext context(raw_context);
  const auto x = context.GetInput(0);
  const auto info = x.GetTensorTypeAndShapeInfo();
  auto y = context.GetOutput(0, info.GetShape());
  std::memcpy(y.GetTensorMutableRawData(), x.GetTensorRawData(), info.GetElementCount() * sizeof(std::uint16_t));
  return nullptr;
} catch (const std::exception& error) {
  return Ort::Status(error.what(), ORT_RUNTIME_EXCEPTION).release();
}

}  // namespace diffbir::runtime
