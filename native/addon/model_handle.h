#pragma once

#include <future>
#include <list>
#include <memory>

#include "pipeline/model.h"

namespace diffbir {

/// Frees models of one environment on threads of their own: giving gigabytes back takes long enough to stall an event
/// loop. Its destructor waits for them, so that none is inside ONNX Runtime when the process ends.
/// Used on the JavaScript thread only.
class ModelReaper {
 public:
  void free(std::unique_ptr<Model> model) noexcept;
  void wait() { running_.clear(); }

 private:
  std::list<std::future<void>> running_;  // a future from std::async waits in its destructor
};

/// A loaded model as its jobs share it. The last owner need not think about where it lets go.
class ModelHandle {
 public:
  ModelHandle(std::unique_ptr<Model> model, std::shared_ptr<ModelReaper> reaper);
  ~ModelHandle();
  ModelHandle(const ModelHandle&) = delete;
  ModelHandle& operator=(const ModelHandle&) = delete;

  /// Belongs to the job whose turn it is; empty once disposed.
  std::unique_ptr<Model> model;

  /// Set on the JavaScript thread by dispose(): from then on new jobs are refused.
  bool disposed = false;

 private:
  std::shared_ptr<ModelReaper> reaper_;
};

}  // namespace diffbir
