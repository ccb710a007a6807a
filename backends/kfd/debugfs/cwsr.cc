#include "backends/kfd/debugfs/cwsr.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

#include "backends/kfd/debugfs/fields.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::kfd::debugfs {
namespace {

/// A number of the memory, which is little-endian as everything that ROCm runs on.
template <class Number>
Number number_at(std::span<const std::byte> memory, std::size_t offset) {
  Number value = 0;
  std::memcpy(&value, memory.subspan(offset, sizeof value).data(), sizeof value);
  return value;
}

/// Whether control stack and waves lie where the firmware puts them: the stack below its end, the
/// waves from there on.
bool fits(const CwsrHeader& header, std::uint64_t area_bytes) {
  const std::uint64_t stack_end =
      std::uint64_t{header.control_stack_offset} + header.control_stack_bytes;
  return header.wave_state_offset >= header.wave_state_bytes &&
         stack_end == header.wave_state_offset - header.wave_state_bytes &&
         header.wave_state_offset <= area_bytes;
}

}  // namespace

Result<CwsrHeader> decode_cwsr_header(std::span<const std::byte> memory, std::uint64_t area_bytes) {
  if (memory.size() < CwsrHeader::kBytes) {
    return fail(Errc::kInvalidArgument,
                fmt::format("read a save area's header: {} bytes of it were given; read {}",
                            memory.size(), CwsrHeader::kBytes));
  }
  const CwsrHeader header{.control_stack_offset = number_at<std::uint32_t>(memory, 0),
                          .control_stack_bytes = number_at<std::uint32_t>(memory, 4),
                          .wave_state_offset = number_at<std::uint32_t>(memory, 8),
                          .wave_state_bytes = number_at<std::uint32_t>(memory, 12),
                          .debug_offset = number_at<std::uint32_t>(memory, 16),
                          .debug_bytes = number_at<std::uint32_t>(memory, 20),
                          .error_payload_address = number_at<std::uint64_t>(memory, 24),
                          .error_event_id = number_at<std::uint32_t>(memory, 32)};
  if (!fits(header, area_bytes)) {
    return fail(
        Errc::kParse,
        fmt::format("read a save area's header: a control stack of {} bytes at {} and wave state "
                    "of {} bytes up to {} do not lie so in {} bytes; nothing was saved there yet, "
                    "or it is no save area: take address and size of one XCC from the queue's MQD",
                    header.control_stack_bytes, header.control_stack_offset,
                    header.wave_state_bytes, header.wave_state_offset, area_bytes));
  }
  return header;
}

SaveTimes save_times(std::span<const std::uint32_t, kMqdDwords> mqd) {
  return {.save_start = join(mqd[98], mqd[99]),
          .save_end = join(mqd[100], mqd[101]),
          .restore_start = join(mqd[102], mqd[103]),
          .restore_end = join(mqd[104], mqd[105])};
}

Duration ticks_to_duration(std::uint64_t ticks, std::uint64_t hertz) {
  constexpr std::uint64_t kNanoseconds = 1'000'000'000;
  GPREEMPT_CHECK(hertz != 0 && hertz <= std::numeric_limits<std::uint64_t>::max() / kNanoseconds);
  const std::uint64_t seconds = ticks / hertz;
  const std::uint64_t rest = (ticks % hertz * kNanoseconds + hertz / 2) / hertz;
  GPREEMPT_CHECK(seconds < static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) /
                               kNanoseconds);
  return Duration(static_cast<std::int64_t>(seconds * kNanoseconds + rest));
}

}  // namespace gpreempt::kfd::debugfs
