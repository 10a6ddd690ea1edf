#pragma once

#include <string>

#include "core/error.h"

namespace diffbir::runtime {

inline constexpr const char* install_cuda = "Run: npx diffbir install-cuda";
inline constexpr const char* install_driver = "Install NVIDIA's driver 580 or newer";
inline constexpr const char* run_doctor = "Run: npx diffbir doctor";

/// What keeps a GPU from being used, and what to do.
[[noreturn]] inline void throw_no_device(const std::string& reason, const std::string& fix) {
  throw Error(ErrorCode::no_device, reason + ". " + fix + ".");
}

}  // namespace diffbir::runtime
