#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "experiments/runtime_log.h"
#include "tests/fuzz/round_trip.h"

namespace {

using gpreempt::experiments::RuntimeQueue;

/// Dispatches that say the same.
std::string write_log(const std::vector<RuntimeQueue>& queues) {
  std::string text;
  for (const RuntimeQueue& queue : queues) {
    for (std::uint64_t i = 0; i < queue.dispatches; ++i) {
      text += fmt::format("SWq=0x{:x}, HWq=0x{:x}, id={},\n", queue.software_queue,
                          queue.hardware_queue, queue.id.value());
    }
  }
  return text;
}

}  // namespace

// The name is libFuzzer's. NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gpreempt::fuzz::check_round_trip(gpreempt::fuzz::text_of(data, size),
                                   gpreempt::experiments::parse_runtime_log, write_log);
  return 0;
}
