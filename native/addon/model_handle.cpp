#include "addon/model_handle.h"

#include <chrono>
#include <system_error>
#include <utility>

namespace diffbir {

void ModelReaper::free(std::unique_ptr<Model> model) {
  std::erase_if(running_, [](const std::future<void>& job) {
    return job.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  });
  std::future<void>& slot = running_.emplace_back();
  try {
    slot = std::async(std::launch::async, [raw = model.get()] { delete raw; });
    static_cast<void>(model.release());
  } catch (const std::system_error&) {
    running_.pop_back();  // no thread to be had: freed here
  }
}

ModelHandle::ModelHandle(std::unique_ptr<Model> loaded, std::shared_ptr<ModelReaper> reaper)
    : model(std::move(loaded)), reaper_(std::move(reaper)) {}

ModelHandle::~ModelHandle() {
  if (model) reaper_->free(std::move(model));
}

}  // namespace diffbir
