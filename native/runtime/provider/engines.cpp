#include "runtime/provider/engines.h"

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace diffbir::runtime {

namespace {

/// FNV-1a of 64 bits.
class Hash {
 public:
  void add(std::string_view text) {
    for (const char c : text) value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  }
  std::string in_digits() const {
    char digits[17];
    std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(value_));
    return digits;
  }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325U;
};

}  // namespace

std::string engines_folder(std::span<const std::shared_ptr<const WeightTable>> weights) {
  Hash hash;
  for (const auto& table : weights) {
    const std::string& name = table->file();
    const std::filesystem::path file(std::u8string(name.begin(), name.end()));
    hash.add(name);
    std::error_code gone;  // whoever needs the file says so
    hash.add(std::to_string(std::filesystem::file_size(file, gone)));
    hash.add(std::to_string(std::filesystem::last_write_time(file, gone).time_since_epoch().count()));
  }
  return hash.in_digits();
}

}  // namespace diffbir::runtime
