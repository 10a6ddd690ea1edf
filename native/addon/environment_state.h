#pragma once

#include <napi.h>

#include <memory>

#include "addon/job.h"
#include "addon/model_handle.h"

namespace diffbir {

/// What one environment (the main thread or a worker) has to itself. Of the process are ONNX Runtime and what is open
/// in it: the networks (pipeline/network_store.h) and the tables of their weights. The parts are shared, since jobs and
/// models are finalized in an order that the environment chooses.
struct EnvironmentState {
  std::shared_ptr<JobRegistry> jobs = std::make_shared<JobRegistry>();
  std::shared_ptr<ModelReaper> reaper = std::make_shared<ModelReaper>();

  static EnvironmentState& of(Napi::Env env) { return *env.GetInstanceData<EnvironmentState>(); }
};

}  // namespace diffbir
