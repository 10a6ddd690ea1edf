#include "addon/model_handle.h"

#include <chrono>
#include <exception>
#include <utility>

namespace diffbir {

void ModelReaper::free(std::unique_ptr<Model> model) noexcept {
  std::erase_if(running_, [](const std::future<void>& job) {
    return job.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  });
  try {
    std::list<std::future<void>> job(1);
    job.front() = std::async(std::launch::async, [raw = model.get()] { delete raw; });
    static_cast<void>(model.release());
    running_.splice(running_.end(), job);
  } catch (const std::exception&) {
    // Neither memory nor a thread to be had: freed here.
  }
}

ModelHandle::ModelHandle(std::unique_ptr<Model> loaded, std::shared_ptr<ModelReaper> reaper)
    : model(std::move(loaded)), reaper_(std::move(reaper)) {}

ModelHandle::~ModelHandle() {
  if (model) reaper_->free(std::move(model));
}

}  // namespace diffbir
