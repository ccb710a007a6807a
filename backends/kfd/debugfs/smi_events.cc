#include "backends/kfd/debugfs/smi_events.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "backends/kfd/debugfs/text_cursor.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd::debugfs {
namespace {

constexpr std::uint32_t kEvictionEvent = 9;
constexpr std::uint32_t kRestoreEvent = 10;

/// By id, from 0 on.
constexpr auto kEventNames = std::to_array<std::string_view>(
    {"none", "vmfault", "thermal_throttle", "gpu_pre_reset", "gpu_post_reset", "migrate_start",
     "migrate_end", "page_fault_start", "page_fault_end", "queue_eviction", "queue_restore",
     "unmap_from_gpu", "process_start", "process_end"});

std::optional<std::int64_t> take_time(std::string_view& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

/// "%lld -%d %x %d", or with %c at the end for a restore; nullopt for anything else.
std::optional<QueueEviction> read_eviction(std::string_view payload, bool is_restore) {
  QueueEviction result{.is_restore = is_restore};
  const auto at = take_time(payload);
  TextCursor rest(payload, "", DumpKind::kSmiEvents);
  const auto pid = at && rest.take(" -") ? rest.take_decimal() : std::nullopt;
  const auto gpu_id = pid && rest.take(" ") ? rest.take_hex() : std::nullopt;
  if (!gpu_id || !rest.take(" ") || *pid > std::numeric_limits<std::int32_t>::max()) {
    return std::nullopt;
  }
  result.at_ns = *at;
  result.pid = Pid(static_cast<std::int32_t>(*pid));
  result.gpu_id = *gpu_id;
  if (is_restore) {
    result.rescheduled = rest.take("R");
    return (result.rescheduled || rest.take("0")) && rest.at_end() ? std::optional(result)
                                                                   : std::nullopt;
  }
  const auto trigger = rest.take_decimal();
  if (!trigger || !rest.at_end()) {
    return std::nullopt;
  }
  result.trigger = static_cast<EvictionTrigger>(*trigger);
  return result;
}

}  // namespace

std::string_view to_string(EvictionTrigger trigger) {
  switch (trigger) {
    case EvictionTrigger::kSvm: return "svm";
    case EvictionTrigger::kUserptr: return "userptr";
    case EvictionTrigger::kTtm: return "ttm";
    case EvictionTrigger::kSuspend: return "suspend";
    case EvictionTrigger::kCriuCheckpoint: return "criu_checkpoint";
    case EvictionTrigger::kCriuRestore: return "criu_restore";
  }
  return "unknown";
}

std::string_view smi_event_name(std::uint32_t id) {
  return id > 0 && id < kEventNames.size() ? kEventNames[id] : "unknown";
}

Result<std::vector<SmiEvent>> parse_smi_events(std::string_view text, std::string_view source) {
  TextCursor cursor(text, source, DumpKind::kSmiEvents);
  std::vector<SmiEvent> events;
  while (!cursor.at_end()) {
    SmiEvent event;
    const auto id = cursor.take_hex();
    if (!id || !cursor.take(" ")) {
      return tl::unexpected<Error>(cursor.expected("an event's id in hexadecimal and a blank"));
    }
    event.id = *id;
    event.payload = cursor.take_line();
    if (!cursor.take_end_of_line()) {
      return tl::unexpected<Error>(cursor.expected("the end of the line"));
    }
    if (event.id == kEvictionEvent || event.id == kRestoreEvent) {
      event.eviction = read_eviction(event.payload, event.id == kRestoreEvent);
      if (!event.eviction) {
        return tl::unexpected<Error>(cursor.refused_line(
            fmt::format("\"{}\" is no payload of {}, which is a time, -PID, a GPU id and one word",
                        event.payload, smi_event_name(event.id))));
      }
    }
    events.push_back(std::move(event));
  }
  return events;
}

std::string write_smi_events(const std::vector<SmiEvent>& events) {
  std::string text;
  for (const SmiEvent& event : events) {
    text += fmt::format("{:x} {}\n", event.id, event.payload);
  }
  return text;
}

}  // namespace gpreempt::kfd::debugfs
