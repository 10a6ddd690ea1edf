#pragma once

#include <atomic>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "core/device.h"

/// No CUDA headers here: host code includes this.
namespace diffbir::cuda {

/// One GPU with a stream and a memory pool of its own. Both end with the last owner; every tensor that lies there is
/// one. May be used from several threads.
class Context final : public Device {
 public:
  /// `device` as CUDA counts them. Throws Error(no_device) that names the reason, also in a build without CUDA.
  static std::shared_ptr<Context> open(int device);
  ~Context() override;

  /// As given to open().
  int index() const noexcept { return index_; }
  std::optional<int> cuda_index() const noexcept override { return index_; }
  std::optional<PhiloxCard> philox_card() const override;
  void abandon_recording() noexcept override;

  void synchronize() override;

  float* allocate(std::size_t count) override;
  void release(float* memory) noexcept override;
  void share_memory(bool shares) override { shares_memory_ = shares; }
  void keep_freed(bool keeps) override;
  void give_back_freed() override;
  void zero(float* memory, std::size_t count) override;
  void upload(const float* from, float* to, std::size_t count) override;
  void download(const float* from, float* to, std::size_t count) override;
  void copy(const float* from, float* to, std::size_t count) override;
  std::unique_ptr<FiniteCheck> begin_finite_check(const float* values, std::size_t count) override;
  void* stream() override;

 private:
  class Check;
  /// Page-locked room for a number, and the cudaEvent_t behind its copy. In lists, which move them without failing.
  struct Answer {
    float* number = nullptr;
    void* event = nullptr;
  };
  using Answers = std::list<Answer>;
  explicit Context(int device);
  Answers take_answer();
  void keep_answer(Answers answer) noexcept;

  int index_;
  void* stream_ = nullptr;  // cudaStream_t
  void* pool_ = nullptr;    // cudaMemPool_t
  std::atomic<bool> shares_memory_ = false;
  std::mutex answers_mutex_;
  Answers answers_;  // that no check uses: to make one takes as long as a step's kernels
};

}  // namespace diffbir::cuda
