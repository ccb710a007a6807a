#include "cli/queues_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/activity.h"
#include "backends/kfd/discovery/hardware_activity.h"
#include "backends/kfd/discovery/queue_ids.h"
#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/discovery/queue_listing.h"
#include "backends/kfd/discovery/queue_slots.h"
#include "backends/kfd/discovery/queue_warnings.h"
#include "cli/table.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
#include "core/units.h"

namespace gpreempt::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kShortContainer = 12;

std::string_view activity_text(std::optional<kfd::Activity> activity) {
  if (!activity) {
    return "-";
  }
  switch (*activity) {
    case kfd::Activity::kBusy: return "busy";
    case kfd::Activity::kIdle: return "idle";
    case kfd::Activity::kMaybeIdle: break;
  }
  return "maybe";
}

/// "0.2 x4": pipe 0, queue 2 on four XCCs; "sdma1.0": RLC 0 of engine 1.
std::string slots_text(const kfd::QueueRow& row) {
  const auto& slots = row.found.slots;
  if (row.found.mapping == kfd::Mapping::kUnknown) {
    return "-";
  }
  if (slots.empty()) {
    return "none";
  }
  if (row.type == QueueType::kSdma) {
    return fmt::format("sdma{}.{}", slots.front().xcc, slots.front().queue);
  }
  const bool is_same = std::ranges::all_of(slots, [&](const kfd::QueueSlot& slot) {
    return slot.pipe == slots.front().pipe && slot.queue == slots.front().queue;
  });
  if (is_same) {
    return fmt::format("{}.{} x{}", slots.front().pipe, slots.front().queue, slots.size());
  }
  std::string text;
  for (const kfd::QueueSlot& slot : slots) {
    text += fmt::format("{}{}:{}.{}", text.empty() ? "" : " ", slot.xcc, slot.pipe, slot.queue);
  }
  return text;
}

std::string id_text(const kfd::QueueName& name) {
  if (!name.id) {
    return "-";
  }
  return fmt::format("{}{}", *name.id, name.basis == kfd::IdBasis::kInferred ? "?" : "");
}

std::string controller_text(const kfd::ListedProcess& process) {
  if (!process.controller) {
    return {};
  }
  return process.controller->name.empty()
             ? fmt::format("{}", process.controller->pid)
             : fmt::format("{} {}", process.controller->pid, process.controller->name);
}

/// Sentences that several rows share, by letters.
class Footnotes {
 public:
  std::string mark(const std::string& sentence) {
    const auto found = std::ranges::find(sentences_, sentence);
    const auto index = static_cast<std::size_t>(found - sentences_.begin());
    if (found == sentences_.end()) {
      sentences_.push_back(sentence);
    }
    return fmt::format("[{}]", index + 1);
  }
  [[nodiscard]] std::string text() const {
    std::string text;
    for (std::size_t i = 0; i < sentences_.size(); ++i) {
      text += fmt::format("[{}] {}\n", i + 1, sentences_[i]);
    }
    return text;
  }

 private:
  std::vector<std::string> sentences_;
};

std::string notes_of(const kfd::QueueRow& row, Footnotes& footnotes) {
  std::string marks;
  const kfd::QueueName& name = row.name;
  if (name.basis == kfd::IdBasis::kInferred) {
    marks += footnotes.mark("inferred " + name.reason);
  } else if (!name.id) {
    marks += footnotes.mark("no id: " + name.reason);
  }
  if (row.on_runlist == kfd::OnRunlist::kOff) {
    marks += footnotes.mark(
        "off: suspended by a debugger, evicted or set to 0 %; the driver does "
        "not say which");
  }
  return marks;
}

std::vector<std::string> cells_of(const kfd::QueueListing& listing,
                                  const kfd::ListedQueueRow& queue, Footnotes& footnotes) {
  const kfd::QueueRow& row = queue.row;
  const kfd::ListedProcess& process = listing.processes.at(row.pid);
  const auto runlist = to_string(row.on_runlist);
  return {fmt::format("{}", row.pid),
          process.inner_pid ? fmt::format("{}", *process.inner_pid) : std::string(),
          process.container.substr(0, kShortContainer),
          process.name,
          id_text(row.name),
          fmt::format("{:x}", row.gpu.value()),
          std::string(to_string(row.role)),
          format_bytes(row.ring_bytes),
          row.queue_priority ? fmt::format("{}", *row.queue_priority) : "-",
          slots_text(row),
          std::string(row.on_runlist == kfd::OnRunlist::kUnknown ? "-" : runlist),
          std::string(activity_text(queue.activity)),
          row.backlog ? fmt::format("{}", *row.backlog) : "-",
          controller_text(process),
          notes_of(row, footnotes)};
}

std::string_view suspended_word(kfd::OnRunlist on_runlist) {
  switch (on_runlist) {
    case kfd::OnRunlist::kOn: return "no";
    case kfd::OnRunlist::kOff: return "possible";
    case kfd::OnRunlist::kUnknown: break;
  }
  return "unknown";
}

template <class T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json slots_json(const kfd::QueueRow& row) {
  ordered_json slots = ordered_json::array();
  for (const kfd::QueueSlot& slot : row.found.slots) {
    ordered_json each;
    if (row.type == QueueType::kSdma) {
      each["engine"] = slot.xcc;
      each["rlc"] = slot.queue;
    } else {
      each["xcc"] = slot.xcc;
      each["pipe"] = slot.pipe;
      each["queue"] = slot.queue;
    }
    slots.push_back(std::move(each));
  }
  return slots;
}

void put_owner(ordered_json& json, Pid pid, const kfd::ListedProcess& process) {
  json["pid"] = pid.value();
  json["inner_pid"] = nullptr;
  if (process.inner_pid) {
    json["inner_pid"] = process.inner_pid->value();
  }
  json["container"] = process.container;
  json["name"] = process.name;
  json["controlled_by"] = nullptr;
  if (process.controller) {
    json["controlled_by"] = {{"pid", process.controller->pid.value()},
                             {"name", process.controller->name}};
  }
}

ordered_json queue_json(const kfd::QueueListing& listing, const kfd::ListedQueueRow& queue) {
  const kfd::QueueRow& row = queue.row;
  ordered_json json;
  put_owner(json, row.pid, listing.processes.at(row.pid));
  json["id"] = or_null(row.name.id);
  json["id_basis"] = std::string(to_string(row.name.basis));
  json["id_reason"] = row.name.reason;
  json["id_candidates"] = row.name.candidates;
  json["gpu"] = fmt::format("{:x}", row.gpu.value());
  json["type"] = row.type == QueueType::kSdma ? "sdma" : "compute";
  json["role"] = std::string(to_string(row.role));
  json["ring_bytes"] = row.ring_bytes;
  json["doorbell_slot"] = or_null(row.doorbell_slot);
  json["pipe_priority"] = or_null(row.pipe_priority);
  json["queue_priority"] = or_null(row.queue_priority);
  json["mqd_bases"] = ordered_json::array();
  for (const std::uint64_t base : row.mqd_bases) {
    json["mqd_bases"].push_back(fmt::format("0x{:x}", base));
  }
  json["mapping"] = std::string(to_string(row.found.mapping));
  json["slots"] = slots_json(row);
  json["runlist"] = std::string(to_string(row.on_runlist));
  json["suspended"] = std::string(suspended_word(row.on_runlist));
  json["activity"] = nullptr;
  if (queue.activity) {
    json["activity"] = std::string(activity_text(queue.activity));
  }
  json["backlog_packets"] = or_null(row.backlog);
  json["backlog_grade"] = nullptr;
  if (row.backlog) {
    json["backlog_grade"] = std::string(kfd::backlog_grade(*row.backlog));
  }
  return json;
}

}  // namespace

std::string queues_text(const kfd::QueueListing& listing) {
  if (listing.queues.empty()) {
    return "no queues\n";
  }
  Table table({"pid", "inner", "container", "name", "id", "gpu", "role", "ring", "prio", "slots",
               "runlist", "activity", "backlog", "controlled by", "note"});
  Footnotes footnotes;
  for (const kfd::ListedQueueRow& queue : listing.queues) {
    table.add_row(cells_of(listing, queue, footnotes));
  }
  std::string text = table.render(0) + footnotes.text();
  for (const kfd::QueueWarning& warning : listing.warnings) {
    text += "warning: " + warning.text + "\n";
  }
  return text;
}

std::string queues_json(const kfd::QueueListing& listing, std::optional<Duration> at) {
  ordered_json json;
  json["schema"] = 1;
  if (at) {
    json["at_ns"] = at->count();
  }
  json["queues"] = ordered_json::array();
  for (const kfd::ListedQueueRow& queue : listing.queues) {
    json["queues"].push_back(queue_json(listing, queue));
  }
  json["warnings"] = ordered_json::array();
  for (const kfd::QueueWarning& warning : listing.warnings) {
    json["warnings"].push_back({{"pid", warning.pid.value()}, {"text", warning.text}});
  }
  json["notes"] = listing.notes;
  // Names of processes, and files of another machine, may hold any bytes.
  constexpr int kIndent = 2;
  return json.dump(at ? -1 : kIndent, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace gpreempt::cli
