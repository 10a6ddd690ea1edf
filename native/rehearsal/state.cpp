#include "rehearsal/state.h"

#include <algorithm>
#include <sstream>

namespace diffbir::rehearsal {

std::size_t State::taken(int device) const {
  std::size_t sum = allocated[device];
  for (const Pool* pool : pools) {
    if (pool->device == device) sum += pool->reserved;
  }
  return sum;
}

State& state() {
  static auto& only = *new State;  // used until the process is gone
  return only;
}

Thread& thread() {
  thread_local Thread own;
  return own;
}

void count(const std::string& what, std::uint64_t by) {
  const std::lock_guard lock(state().mutex);
  state().counts[what] += by;
}

cudaError_t refuse(cudaError_t status, const std::string& what) {
  thread().error = status;
  if (!what.empty()) {
    const std::lock_guard lock(state().mutex);
    state().refused.insert(what);
  }
  return status;
}

cudaError_t refuse_while_recording(const char* call) {
  const auto is_in_the_way = [] {
    if (thread().mode == cudaStreamCaptureModeRelaxed) return false;
    if (thread().recordings > 0 || thread().mode == cudaStreamCaptureModeThreadLocal) return thread().recordings > 0;
    const std::lock_guard lock(state().mutex);
    return std::ranges::any_of(state().recordings, [](int recordings) { return recordings > 0; });
  };
  if (!is_in_the_way()) return cudaSuccess;
  return refuse(cudaErrorStreamCaptureUnsupported, std::string(call) + " while a stream records");
}

Stream& stream_of(cudaStream_t stream) {
  static auto& standard = *new Stream;
  return stream ? *reinterpret_cast<Stream*>(stream) : standard;
}

namespace {

void write_text(std::ostream& out, const std::string& text) {
  out << '"';
  for (const char c : text) out << (c == '"' || c == '\\' ? "\\" : "") << c;
  out << '"';
}

}  // namespace

}  // namespace diffbir::rehearsal

using diffbir::rehearsal::state;
using diffbir::rehearsal::write_text;

void rehearsal_begin(int devices, std::uint64_t bytes_each, std::uint64_t fails_at, bool computes) {
  const std::lock_guard lock(state().mutex);
  state().devices = std::clamp(devices, 1, diffbir::rehearsal::kMostDevices);
  state().bytes_each = bytes_each;
  state().fails_at = fails_at;
  state().computes = computes;
  state().counts.clear();
  state().refused.clear();
  for (int device = 0; device < diffbir::rehearsal::kMostDevices; ++device) {
    state().peak[device] = state().taken(device);
  }
}

const char* rehearsal_report() {
  const std::lock_guard lock(state().mutex);
  std::ostringstream out;
  out << "{\"counts\":{";
  const char* comma = "";
  for (const auto& [what, number] : state().counts) {
    out << comma;
    write_text(out, what);
    out << ':' << number;
    comma = ",";
  }
  out << "},\"refused\":[";
  comma = "";
  for (const std::string& what : state().refused) {
    out << comma;
    write_text(out, what);
    comma = ",";
  }
  out << "],\"devices\":[";
  for (int device = 0; device < state().devices; ++device) {
    out << (device ? "," : "") << "{\"taken\":" << state().taken(device) << ",\"peak\":" << state().peak[device] << '}';
  }
  out << "]}";
  thread_local std::string text;
  text = out.str();
  return text.c_str();
}

void rehearsal_count(const char* what) { diffbir::rehearsal::count(what); }
