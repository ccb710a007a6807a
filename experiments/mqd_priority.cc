#include "experiments/mqd_priority.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/queue_state.h"
#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/discovery/queue_slots.h"
#include "config/document.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "experiments/dump_keeper.h"
#include "experiments/hardware_view.h"
#include "experiments/programs.h"
#include "experiments/saved_folder.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;

std::uint32_t pipe_priority_of(std::uint32_t priority) {
  constexpr std::uint32_t kLastLow = 6;
  constexpr std::uint32_t kLastMedium = 10;
  if (priority <= kLastLow) {
    return 0;
  }
  return priority <= kLastMedium ? 1 : 2;
}

bool is_users(const kfd::QueueRow& row, Pid pid) {
  // HIP leaves the runtime's own queue at the normal priority.
  return row.pid == pid && row.type == QueueType::kCompute && row.role == QueueRole::kUser;
}

/// The words of a queue's slot; nullopt: hqds has no such slot.
std::optional<PriorityRegisters> in_slot(const kfd::debugfs::HqdsDump& hqds, GpuId gpu,
                                         const kfd::QueueSlot& place) {
  const auto is_it = [&](const kfd::debugfs::HqdSlot& slot) {
    return slot.kind == kfd::debugfs::HqdKind::kCp && slot.instance == place.xcc &&
           slot.pipe == place.pipe && slot.queue == place.queue &&
           hqds.nodes.at(slot.node).gpu_id == gpu.value();
  };
  const auto slot = std::ranges::find_if(hqds.slots, is_it);
  if (slot == hqds.slots.end()) {
    return std::nullopt;
  }
  const kfd::debugfs::QueueState state = hqds.state_of(*slot);
  return PriorityRegisters{.queue = state.queue_priority(), .pipe = state.pipe_priority()};
}

/// `where`: "mqd" or "hqd".
Verdict judge_class(std::string_view where, std::uint32_t priority,
                    const std::vector<PriorityRegisters>& found) {
  const bool in_memory = where == "mqd";
  Verdict verdict{
      .name = fmt::format("priority/in-the-{}/{}", where, priority),
      .value = {},
      .expected = fmt::format("queue {}, pipe {}", priority, pipe_priority_of(priority))};
  if (found.empty()) {
    return unavailable(verdict.name,
                       in_memory ? "mqds lists no user queue of this process"
                                 : "no user queue of this process is in a slot that hqds shows");
  }
  const auto right = std::ranges::count_if(found, [&](const PriorityRegisters& words) {
    return words.queue == priority && words.pipe == pipe_priority_of(priority);
  });
  verdict.value = fmt::format("queue {}, pipe {}", found.back().queue, found.back().pipe);
  verdict.answer = static_cast<std::size_t>(right) == found.size() ? Answer::kYes : Answer::kNo;
  verdict.reason = fmt::format(
      "{} of {} {} a process that asked for priority {} have it", right, found.size(),
      in_memory ? "descriptors of user queues of" : "hardware slots with user queues of", priority);
  return verdict;
}

constexpr std::uint32_t kAboveHip = 15;

/// HIP's classes as HIP sets them, and one that only a process with KFD calls of its own reaches.
Program idle_at(std::uint32_t priority) {
  Program program = idle("idle", 1);
  program.runtime = priority == kAboveHip ? Runtime::kBare : Runtime::kHip;
  program.hardware_priority = priority;
  return program;
}

}  // namespace

void add_words(const HardwareView& view, Pid pid, PriorityWords& words) {
  for (const kfd::QueueRow& row : view.rows) {
    if (!is_users(row, pid)) {
      continue;
    }
    if (row.queue_priority && row.pipe_priority) {
      words.in_descriptors.push_back({.queue = *row.queue_priority, .pipe = *row.pipe_priority});
    }
    for (const kfd::QueueSlot& place : row.found.slots) {
      if (const auto slot = in_slot(view.hqds, row.gpu, place)) {
        words.in_slots.push_back(*slot);
      }
    }
  }
}

void judge_words(std::uint32_t priority, const PriorityWords& words,
                 std::vector<Verdict>& verdicts) {
  verdicts.push_back(judge_class("mqd", priority, words.in_descriptors));
  verdicts.push_back(
      words.no_slots.empty()
          ? judge_class("hqd", priority, words.in_slots)
          : unavailable(fmt::format("priority/in-the-hqd/{}", priority), words.no_slots));
}

Result<std::vector<Verdict>> read_priorities(Session& session, const DumpKeeper& keeper) {
  constexpr std::array<std::uint32_t, 4> kPriorities = {0, 7, 11, kAboveHip};
  std::vector<std::pair<std::uint32_t, Pid>> processes;
  std::vector<Verdict> verdicts;
  for (const std::uint32_t priority : kPriorities) {
    const Result<Pid> pid = session.run(idle_at(priority));
    if (pid) {
      processes.emplace_back(priority, *pid);
    } else if (priority == kAboveHip && (pid.error().code == Errc::kInvalidArgument ||
                                         pid.error().code == Errc::kUnsupported)) {
      verdicts.push_back(
          unavailable(fmt::format("priority/in-the-mqd/{}", priority), pid.error().what));
    } else {
      return tl::unexpected<Error>(pid.error());
    }
  }
  // On the hardware a priority that HIP sets afterwards shows once the queue has been mapped again.
  GPREEMPT_TRY(session.wait(milliseconds(10)));
  const Result<HardwareTexts> texts = read_hardware(session);
  if (!texts) {
    if (!shows_no_hardware(texts.error())) {
      return tl::unexpected<Error>(texts.error());
    }
    return std::vector<Verdict>{unavailable("priority/in-the-mqd", texts.error().what)};
  }
  HardwareView view;
  GPREEMPT_TRY(store(view, view_of(*texts)));
  for (const auto& [priority, pid] : processes) {
    const std::string model = fmt::format("priority{}", priority);
    const std::string run = run_folder_name(model, 1);
    keeper.keep(run, "during", *texts);
    keeper.keep_number(run, model, "pid", pid.value());
    keeper.keep_number(run, model, "priority", priority);
    PriorityWords words;
    add_words(view, pid, words);
    judge_words(priority, words, verdicts);
  }
  return verdicts;
}

}  // namespace gpreempt::experiments
