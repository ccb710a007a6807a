#include "cli/run_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/simulate.h"
#include "cli/timeline.h"
#include "cli/trace_calls.h"
#include "cli/trace_file.h"
#include "core/decision.h"
#include "core/ids.h"
#include "core/occupancy.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

/// By how much a counter changes at an instant.
using Deltas = std::vector<std::pair<Instant, std::int64_t>>;

/// The queue's name in a picture: the tenant, and what tells its queues apart.
std::string row_name(const TenantLine& line, const TenantRecord& tenant) {
  std::string name = line.name;
  if (tenant.ranks.size() > 1) {
    name += fmt::format(" rank {}", line.rank);
  }
  return line.queue == 0 ? name : name + fmt::format(" queue {}", line.queue);
}

class RunWriter {
 public:
  RunWriter(const TracedRun& traced, TracePlace& place, TraceFile& file)
      : traced_(traced),
        run_(traced.run),
        timeline_(traced.timeline),
        until_(std::min(traced.until, traced.run.end)),
        place_(place),
        file_(file) {}

  void operator()() {
    name_gpus();
    write_queues(timeline_.lines);
    write_queues(timeline_.more_queues);
    write_mapped();
    write_waves();
    for (const TenantRecord& tenant : run_.tenants) {
      if (!tenant.requests.empty()) {
        write_requests(tenant);
      }
    }
    write_calls({.run = run_,
                 .label = traced_.label,
                 .until = until_,
                 .rows = rows_,
                 .lines = timeline_.lines},
                place_, file_);
  }

 private:
  void name_gpus() {
    std::set<std::uint32_t> gpus;
    for (const TenantLine& line : timeline_.lines) {
      gpus.insert(line.gpu);
    }
    for (const std::uint32_t gpu : gpus) {
      processes_[gpu] = place_.process++;
      file_.name_process(processes_[gpu], fmt::format("{}: GPU {}", traced_.label, gpu));
    }
  }

  void write_queues(const std::vector<TenantLine>& lines) {
    for (const TenantLine& line : lines) {
      const Track track{.process = processes_.at(line.gpu), .row = ++last_row_[line.gpu]};
      const auto tenant = std::ranges::find(run_.tenants, line.id, &TenantRecord::id);
      file_.name_row(track, row_name(line, *tenant));
      rows_.try_emplace({line.pid, line.gpu}, track);
      for (const Interval& interval : line.intervals) {
        if (interval.from < until_) {
          file_.slice(track, {.category = to_string(interval.origin),
                              .name = to_string(interval.state),
                              .from = interval.from,
                              .to = interval.to});
        }
      }
    }
  }

  static void count_running(const TenantLine& line, Deltas& deltas) {
    for (const Interval& interval : line.intervals) {
      if (interval.state == Occupancy::kRunning) {
        deltas.emplace_back(interval.from, 1);
        deltas.emplace_back(interval.to, -1);
      }
    }
  }

  /// Queues that may run, on each GPU.
  void write_mapped() {
    std::map<std::uint32_t, Deltas> deltas;
    for (const std::vector<TenantLine>* lines : {&timeline_.lines, &timeline_.more_queues}) {
      for (const TenantLine& line : *lines) {
        count_running(line, deltas[line.gpu]);
      }
    }
    for (auto& [gpu, each] : deltas) {
      write_counter(processes_.at(gpu), "mapped queues", each);
    }
  }

  /// The model tells of waves when queues are taken off or come back, and not in between.
  void write_waves() {
    std::map<std::uint32_t, Deltas> deltas;
    std::map<std::pair<Pid, std::pair<std::uint32_t, std::uint32_t>>, std::int64_t> resident;
    for (const OccupancyChange& change : run_.occupancy.changes) {
      const std::pair key(change.pid, std::pair(change.gpu, change.queue));
      deltas[change.gpu].emplace_back(change.at,
                                      change.waves - std::exchange(resident[key], change.waves));
    }
    for (auto& [gpu, each] : deltas) {
      if (const auto process = processes_.find(gpu); process != processes_.end()) {
        write_counter(process->second, "waves at switches", each);
      }
    }
  }

  void write_requests(const TenantRecord& tenant) {
    const std::uint32_t process = processes_.at(tenant.ranks.front().gpu);
    const std::string name = tenant.name + " request";
    Deltas depth;
    for (const RequestRecord& request : tenant.requests) {
      if (request.arrival >= until_) {
        continue;
      }
      const bool ended = request.end != kForever;
      const Instant end = ended ? request.end : run_.end;
      const Instant first = std::min(request.first_wave, end);
      const std::string id = fmt::format("{}.{}.{}", process, tenant.id.value(), request.request);
      file_.begin_async(process, id, name, request.arrival, args_of(request));
      file_.begin_async(process, id, "waits", request.arrival);
      file_.end_async(process, id, "waits", first);
      if (request.first_wave != kForever) {
        file_.begin_async(process, id, "runs", first);
        file_.end_async(process, id, "runs", end);
      }
      file_.end_async(process, id, name, end);
      depth.emplace_back(request.arrival, 1);
      if (ended) {
        depth.emplace_back(request.end, -1);
      }
    }
    write_counter(process, tenant.name + " queue depth", depth);
  }

  static std::string args_of(const RequestRecord& request) {
    std::string args = fmt::format("\"request\":{}", request.request);
    if (request.end == kForever) {
      return args + ",\"unfinished\":true";
    }
    args += fmt::format(",\"latency_ns\":{}", to_ns(request.end - request.arrival));
    for (std::size_t i = 1; i < request.phases.size(); ++i) {
      if (request.phases.at(i) > Duration::zero()) {
        fmt::format_to(std::back_inserter(args), ",\"{}_ns\":{}",
                       to_string(static_cast<DriverPhase>(i)), to_ns(request.phases.at(i)));
      }
    }
    return args;
  }

  /// One value for each instant at which it changes, within what is written.
  void write_counter(std::uint32_t process, std::string_view name, Deltas& deltas) {
    std::ranges::sort(deltas);
    std::int64_t value = 0;
    std::int64_t written = -1;
    for (std::size_t i = 0; i < deltas.size(); ++i) {
      value += deltas[i].second;
      const bool last = i + 1 == deltas.size() || deltas[i + 1].first != deltas[i].first;
      if (last && value != written && deltas[i].first < until_) {
        file_.counter(process, name, std::max(deltas[i].first, run_.start), value);
        written = value;
      }
    }
  }

  const TracedRun& traced_;
  const RunRecord& run_;
  const Timeline& timeline_;
  Instant until_;
  TracePlace& place_;
  TraceFile& file_;
  std::map<std::uint32_t, std::uint32_t> processes_;  ///< by GPU
  std::map<std::uint32_t, std::uint32_t> last_row_;
  QueueRows rows_;
};

}  // namespace

TraceExtent extent_of(const RunRecord& run, const Timeline& timeline, std::size_t most) {
  std::vector<Instant> begins;
  for (const auto* lines : {&timeline.lines, &timeline.more_queues}) {
    for (const TenantLine& line : *lines) {
      std::ranges::transform(line.intervals, std::back_inserter(begins), &Interval::from);
    }
  }
  for (const TenantRecord& tenant : run.tenants) {
    std::ranges::transform(tenant.requests, std::back_inserter(begins), &RequestRecord::arrival);
  }
  std::ranges::transform(run.calls, std::back_inserter(begins), &DriverCall::called);
  std::ranges::transform(run.decisions, std::back_inserter(begins), &Decision::at);
  if (begins.size() <= most) {
    return {};
  }
  const auto cut = begins.begin() + static_cast<std::ptrdiff_t>(most);
  std::ranges::nth_element(begins, cut);
  const Instant until = *cut;
  const auto kept = std::ranges::count_if(begins, [&](Instant at) { return at < until; });
  return {.until = until, .left_out = begins.size() - static_cast<std::size_t>(kept)};
}

void write_trace(const TracedRun& traced, TracePlace& place, TraceFile& file) {
  RunWriter(traced, place, file)();
}

}  // namespace gpreempt::cli
