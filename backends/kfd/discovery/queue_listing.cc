#include "backends/kfd/discovery/queue_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/activity.h"
#include "backends/kfd/discovery/hardware_activity.h"
#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/discovery/pid_namespace.h"
#include "backends/kfd/discovery/queue_activity.h"
#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/discovery/queue_sources.h"
#include "backends/kfd/discovery/queue_warnings.h"
#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/target_selector.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

/// nullopt: everyone is meant.
Result<std::optional<std::set<Pid>>> meant_pids(Os& os, const ListingOptions& options) {
  if (options.selectors.empty() && options.pids.empty()) {
    return std::nullopt;
  }
  std::set<Pid> pids(options.pids.begin(), options.pids.end());
  for (const TargetSelector& selector : options.selectors) {
    GPREEMPT_TRY(check_pid_view(os, options.roots.proc, "find processes by more than --pid"));
    const auto found =
        find_targets(os, selector, {.proc = options.roots.proc, .cgroup = options.roots.cgroup});
    if (found) {
      pids.insert(found->begin(), found->end());
    } else if (found.error().code != Errc::kProcessExited || !options.may_be_none) {
      return tl::unexpected<Error>(found.error());
    }
  }
  return pids;
}

/// The process of a tracing thread. Both have a folder in /proc.
Controller controller_of(Os& os, const std::string& proc, Pid thread) {
  const auto status = read_process_status(os, proc, fmt::format("{}", thread));
  const auto group = status ? whole_number<std::int32_t>(value_of(*status, "Tgid")) : std::nullopt;
  return {.pid = group ? Pid(*group) : thread,
          .name = status ? value_of(*status, "Name") : std::string()};
}

ListedProcess describe_process(Os& os, const std::string& proc, const KfdProcess& process) {
  ListedProcess listed{
      .name = process.name, .container = process.container, .inner_pid = {}, .controller = {}};
  if (process.ns_pids.size() > 1) {
    listed.inner_pid = process.ns_pids.back();
  }
  if (process.tracer != Pid(0)) {
    listed.controller = controller_of(os, proc, process.tracer);
  }
  return listed;
}

/// Fills in who the queues belong to, and what is to be said of them.
void describe_owners(Os& os, const ListingOptions& options, const QueueSources& sources,
                     bool has_facts, QueueListing& listing) {
  std::vector<QueueRow> rows;
  std::set<Pid> owners;
  for (const ListedQueueRow& queue : listing.queues) {
    rows.push_back(queue.row);
    owners.insert(queue.row.pid);
  }
  std::vector<KfdProcess> processes;
  for (const Pid pid : owners) {
    KfdProcess process{.pid = pid};
    const auto known = sources.processes
                           ? std::ranges::find(*sources.processes, pid, &KfdProcess::pid)
                           : std::vector<KfdProcess>::const_iterator();
    if (sources.processes && known != sources.processes->end()) {
      process = *known;
    } else if (has_facts) {
      read_proc_facts(os, options.roots.proc, process);
    }
    listing.processes.emplace(pid, describe_process(os, options.roots.proc, process));
    processes.push_back(std::move(process));
  }
  listing.warnings = queue_warnings(rows, processes);
}

}  // namespace

Result<QueueListing> list_queues(Os& os, const ListingOptions& options) {
  const auto meant = meant_pids(os, options);
  GPREEMPT_TRY(meant);
  auto reading = read_queue_sources(os, options.roots);
  if (!reading) {
    return tl::unexpected<Error>(std::move(reading).error());
  }
  QueueListing listing;
  if (!reading->note.empty()) {
    listing.notes.push_back(reading->note);
  }
  std::vector<QueueRow> rows = join_queues(reading->sources);
  std::erase_if(rows, [&](const QueueRow& row) {
    return (*meant && !(*meant)->contains(row.pid)) || (options.gpu && row.gpu != *options.gpu);
  });
  const auto can_tell = check_pid_view(os, options.roots.proc, "read names and activity");
  if (!can_tell) {
    listing.notes.push_back(can_tell.error().what);
  }
  std::vector<std::optional<Activity>> activity(rows.size());
  if (!options.is_saved && can_tell) {
    auto measured = measure_activity(os, rows);
    if (!measured) {
      return fail(Errc::kInterrupted, "list queues: interrupted", measured.error().number);
    }
    activity = *std::move(measured);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto together = combine_activity(activity[i], rows[i].hardware);
    listing.queues.push_back({.row = std::move(rows[i]), .activity = together});
  }
  describe_owners(os, options, reading->sources, can_tell.has_value(), listing);
  return listing;
}

Result<void> watch_queues(Os& os, const ListingOptions& options, Duration period,
                          const std::function<Result<void>(const QueueListing&)>& show) {
  const auto signals = os.signals();
  if (!signals) {
    return fail(Errc::kIo, fmt::format("take signals: {}", std::strerror(signals.error().number)),
                signals.error().number);
  }
  std::array<WaitFd, 1> asked = {{{.fd = *signals}}};
  while (true) {
    const Instant next = saturating_add(os.now(), period);
    const auto listing = list_queues(os, options);
    GPREEMPT_TRY(listing);
    GPREEMPT_TRY(show(*listing));
    const auto waited = os.wait(asked, next);
    if (!waited || asked.front().ready) {
      return {};
    }
  }
}

}  // namespace gpreempt::kfd
