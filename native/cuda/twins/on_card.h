#pragma once

#include <cuda_runtime_api.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "cuda/check.h"

namespace diffbir::cuda {

/// Values in device memory.
template <typename T>
class OnCard {
 public:
  explicit OnCard(std::size_t count) : count_(count) {
    void* memory = nullptr;
    DIFFBIR_CUDA_CHECK(cudaMalloc(&memory, count * sizeof(T)));
    data_ = static_cast<T*>(memory);
    DIFFBIR_CUDA_CHECK(cudaMemset(data_, 0, count * sizeof(T)));
  }
  explicit OnCard(const std::vector<T>& values) : OnCard(values.size()) {
    DIFFBIR_CUDA_CHECK(cudaMemcpy(data_, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~OnCard() { cudaFree(data_); }
  OnCard(const OnCard&) = delete;
  OnCard& operator=(const OnCard&) = delete;

  T* data() { return data_; }

  /// Waits for what was enqueued before.
  std::vector<T> to_host() const {
    std::vector<T> values(count_);
    DIFFBIR_CUDA_CHECK(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t count_;
};

/// The largest absolute difference; infinite where the counts differ or a value is no number.
template <typename A, typename B>
double largest_difference(const A& got, const B& want) {
  if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double difference = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
    if (!(difference <= largest))
      largest = std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference;
  }
  return largest;
}

}  // namespace diffbir::cuda
