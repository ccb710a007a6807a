#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd::debugfs {

/// Why the driver took a process' queues off a GPU.
/// Source: enum KFD_QUEUE_EVICTION_TRIGGERS, kfd_ioctl.h.
enum class EvictionTrigger : std::uint32_t {
  kSvm = 0,
  kUserptr = 1,
  kTtm = 2,
  kSuspend = 3,  ///< of the system, not of a debugger
  kCriuCheckpoint = 4,
  kCriuRestore = 5,
};
[[nodiscard]] std::string_view to_string(EvictionTrigger trigger);

/// The driver took a process' queues off a GPU or put them back. A debugger's SUSPEND_QUEUES makes
/// no such event.
struct QueueEviction {
  bool is_restore = false;
  std::int64_t at_ns = 0;  ///< of the boot clock
  Pid pid;
  std::uint32_t gpu_id = 0;
  std::optional<EvictionTrigger> trigger;  ///< of an eviction
  bool rescheduled = false;                ///< a restore that did not succeed and will be repeated
  bool operator==(const QueueEviction&) const = default;
};

/// One event of a GPU.
struct SmiEvent {
  std::uint32_t id = 0;                   ///< enum kfd_smi_event, kfd_ioctl.h
  std::string payload;                    ///< what follows the id
  std::optional<QueueEviction> eviction;  ///< of events 9 and 10
  bool operator==(const SmiEvent&) const = default;
};

/// "vmfault", "queue_eviction" and so on; "unknown" for ids that this version does not know.
[[nodiscard]] std::string_view smi_event_name(std::uint32_t id);

/// Reads what the descriptor of the SMI_EVENTS ioctl delivers: lines of an id in hexadecimal, a
/// blank and a payload. `source` is what errors call it.
/// Errors: kParse, "SOURCE:LINE:COLUMN: reading SMI events: what is wrong; what to do".
/// Source: add_event_to_kfifo, kfd_smi_event_queue_eviction and ..._restore of kfd_smi_events.c.
[[nodiscard]] Result<std::vector<SmiEvent>> parse_smi_events(std::string_view text,
                                                             std::string_view source);

/// The lines of these events.
[[nodiscard]] std::string write_smi_events(const std::vector<SmiEvent>& events);

}  // namespace gpreempt::kfd::debugfs
