#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// One ioctl, as it went in and came out.
struct FlightEntry {
  Instant begin;
  Duration took{};
  Tid thread = 0;
  std::uint32_t request = 0;
  std::int64_t result = 0;                 ///< or a negative errno
  std::vector<std::byte> arguments;        ///< the struct before the call
  std::vector<std::byte> arguments_after;  ///< and after it: it is copied back on errors too
  std::vector<std::uint32_t> ids;          ///< of SUSPEND_QUEUES and RESUME_QUEUES
  std::vector<std::uint32_t> ids_after;    ///< with the driver's bits 30 and 31
  std::vector<std::byte> snapshot;         ///< what GET_QUEUE_SNAPSHOT has filled in
  friend bool operator==(const FlightEntry&, const FlightEntry&) = default;
};

/// "DBG_TRAP SUSPEND_QUEUES", by the number and, of DBG_TRAP, the operation in the arguments.
[[nodiscard]] std::string name_of_call(const FlightEntry& entry);

/// A flight record: a line of JSON that says what it is, then one for each entry (docs/decode.md).
/// `lost`: how many older ones are not in it.
[[nodiscard]] std::string write_flight_record(std::span<const FlightEntry> entries,
                                              std::uint64_t lost);

/// What `write_flight_record` wrote. Errors: kParse, "PATH:LINE:1: reading a flight record: ...".
[[nodiscard]] Result<std::vector<FlightEntry>> read_flight_record(std::string_view text,
                                                                  std::string_view path);

}  // namespace gpreempt::kfd
