#include "backends/kfd/discovery/queue_warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/discovery/queue_ids.h"
#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/discovery/queue_slots.h"
#include "core/event.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

std::string words_of(const QueueRow& row) {
  return row.name.id ? fmt::format("queue {}", *row.name.id)
                     : fmt::format("a queue (ring of {} bytes)", row.ring_bytes);
}

/// `count` things, as in "1 SDMA queue".
std::string counted(std::ptrdiff_t count, const char* thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

void warn_of_process(Pid pid, std::span<const QueueRow* const> rows,
                     std::vector<QueueWarning>& warnings) {
  std::vector<QueueRole> roles;
  bool some_on = false;
  bool some_off = false;
  for (const QueueRow* const row : rows) {
    roles.push_back(row->role);
    if (row->type == QueueType::kCompute) {
      some_off = some_off || row->on_runlist == OnRunlist::kOff;
      some_on = some_on || row->on_runlist != OnRunlist::kOff;
    }
    if (!row->found.problem.empty()) {
      warnings.push_back({.pid = pid,
                          .text = fmt::format("pid {}, {} on GPU {:x}: {}", pid, words_of(*row),
                                              row->gpu.value(), row->found.problem)});
    }
  }
  const auto internal = std::ranges::count(roles, QueueRole::kInternal);
  if (internal > 0 && std::ranges::count(roles, QueueRole::kUser) == 0) {
    warnings.push_back(
        {.pid = pid,
         .text = fmt::format("pid {} has no queue of its own, only {} of its runtime: suspending "
                             "stops none of its kernels",
                             pid, counted(internal, "internal queue"))});
  }
  if (some_off && !some_on) {
    if (auto text = warn_of_sdma(pid, roles)) {
      warnings.push_back({.pid = pid, .text = *std::move(text)});
    }
  }
}

}  // namespace

std::optional<std::string> warn_of_choice(Pid pid, std::span<const QueueRole> chosen,
                                          std::span<const QueueRole> all) {
  const auto internal = std::ranges::count(chosen, QueueRole::kInternal);
  if (chosen.empty() || std::ranges::count(chosen, QueueRole::kUser) > 0) {
    return std::nullopt;
  }
  const std::string what = internal == std::ssize(chosen)
                               ? counted(internal, "internal queue")
                               : counted(std::ssize(chosen), "queue") + " of its runtime";
  const auto users = std::ranges::count(all, QueueRole::kUser);
  if (users == 0) {
    return fmt::format("only {} of pid {} would be suspended: it has no queue of its own yet", what,
                       pid);
  }
  return fmt::format(
      "only {} of pid {} would be suspended: its kernels go on in {}; choose those, or all", what,
      pid, counted(users, "user queue"));
}

std::optional<std::string> warn_of_sdma(Pid pid, std::span<const QueueRole> all) {
  const auto sdma = std::ranges::count(all, QueueRole::kSdma);
  if (sdma == 0) {
    return std::nullopt;
  }
  return fmt::format("pid {}: its {} not suspended with its compute queues: its copies go on", pid,
                     sdma == 1 ? "SDMA queue is" : counted(sdma, "SDMA queue") + " are");
}

std::vector<QueueWarning> queue_warnings(std::span<const QueueRow> rows,
                                         std::span<const KfdProcess> processes) {
  std::map<Pid, std::vector<const QueueRow*>> by_pid;
  for (const QueueRow& row : rows) {
    by_pid[row.pid].push_back(&row);
  }
  std::map<Pid, Pid> tracers;
  std::vector<QueueWarning> warnings;
  for (const KfdProcess& process : processes) {
    if (process.tracer != Pid(0)) {
      tracers.emplace(process.pid, process.tracer);
      by_pid[process.pid];
    }
    if (const std::size_t more = process.context_queues.size(); more > 0) {
      warnings.push_back({.pid = process.pid,
                          .text = fmt::format("pid {} has {} more queue{} in secondary contexts, "
                                              "which are not shown",
                                              process.pid, more, more == 1 ? "" : "s")});
    }
  }
  for (const auto& [pid, of_process] : by_pid) {
    warn_of_process(pid, of_process, warnings);
    if (const auto tracer = tracers.find(pid); tracer != tracers.end()) {
      warnings.push_back(
          {.pid = pid,
           .text = fmt::format("pid {} is traced by thread {}: a second debugger is refused "
                               "(EPERM) until that one lets go",
                               pid, tracer->second)});
    }
  }
  return warnings;
}

}  // namespace gpreempt::kfd
