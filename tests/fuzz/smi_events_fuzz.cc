#include <cstddef>
#include <cstdint>

#include "backends/kfd/debugfs/smi_events.h"
#include "tests/fuzz/round_trip.h"

namespace debugfs = gpreempt::kfd::debugfs;

// The name is libFuzzer's. NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gpreempt::fuzz::check_round_trip(gpreempt::fuzz::text_of(data, size), debugfs::parse_smi_events,
                                   debugfs::write_smi_events);
  return 0;
}
