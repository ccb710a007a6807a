#include "cli/timeline.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "cli/simulate.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/occupancy.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

Duration part_of(const DriverCall& call, DriverPhase phase) {
  return call.phases.at(static_cast<std::size_t>(phase));
}

bool switches(const DriverCall& call) {
  return call.kind == ControlKind::kSuspend || call.kind == ControlKind::kResume;
}

/// When the call's first step on the hardware began.
Instant reaches_gpu(const DriverCall& call) {
  return call.called + part_of(call, DriverPhase::kNone) + part_of(call, DriverPhase::kIssue) +
         part_of(call, DriverPhase::kLock);
}

/// When the runlist that the call ends with was submitted.
Instant submits_runlist(const DriverCall& call) {
  return reaches_gpu(call) + part_of(call, DriverPhase::kUnmap) +
         part_of(call, DriverPhase::kSave) + part_of(call, DriverPhase::kMap);
}

/// Grows at its end only, so that what it holds has neither gap nor overlap.
class LineBuilder {
 public:
  LineBuilder(Instant start, Instant end, Origin origin)
      : cursor_(start), end_(end), origin_(origin) {}

  void until(Instant to, Occupancy state) {
    to = std::min(to, end_);
    if (to <= cursor_) {
      return;
    }
    if (!intervals_.empty() && intervals_.back().state == state) {
      intervals_.back().to = to;
    } else {
      intervals_.push_back({.from = cursor_, .to = to, .state = state, .origin = origin_});
    }
    cursor_ = to;
  }
  [[nodiscard]] std::vector<Interval> take() { return std::move(intervals_); }

 private:
  Instant cursor_;
  Instant end_;
  Origin origin_;
  std::vector<Interval> intervals_;
};

// ---- from driver calls
// ------------------------------------------------------------------------------------------------

/// The states that the process' own calls put it in, from `start` on.
std::vector<Interval> own_states(const RunRecord& run, Pid pid, Instant start) {
  LineBuilder line(start, run.end, Origin::kCalls);
  Occupancy between = Occupancy::kRunning;
  for (const DriverCall& call : run.calls) {
    if (call.target != pid || !switches(call)) {
      continue;
    }
    const Instant on_gpu = reaches_gpu(call);
    line.until(on_gpu, between);
    if (call.kind == ControlKind::kSuspend) {
      const Instant stopped = on_gpu + part_of(call, DriverPhase::kUnmap);
      line.until(stopped, Occupancy::kUnmapping);
      line.until(stopped + part_of(call, DriverPhase::kSave), Occupancy::kSaving);
      between = Occupancy::kSuspended;
    } else {
      const Instant unmapped =
          on_gpu + part_of(call, DriverPhase::kUnmap) + part_of(call, DriverPhase::kSave);
      line.until(unmapped, between);
      line.until(unmapped + part_of(call, DriverPhase::kMap), Occupancy::kRestoring);
      between = Occupancy::kRunning;
    }
  }
  line.until(run.end, between);
  return line.take();
}

bool has_rank_on(const RunRecord& run, Pid pid, std::uint32_t gpu) {
  return std::ranges::any_of(run.tenants, [&](const TenantRecord& tenant) {
    return std::ranges::any_of(
        tenant.ranks, [&](const RankRecord& rank) { return rank.pid == pid && rank.gpu == gpu; });
  });
}

/// When all queues of a GPU were off for calls of others than `pid`, in order.
std::vector<Interval> others_calls(const RunRecord& run, const RankRecord& rank) {
  std::vector<Interval> windows;
  for (const DriverCall& call : run.calls) {
    if (call.target != rank.pid && reaches_gpu(call) < submits_runlist(call) &&
        has_rank_on(run, call.target, rank.gpu)) {
      windows.push_back(
          {.from = reaches_gpu(call), .to = submits_runlist(call), .state = Occupancy::kBystander});
    }
  }
  std::ranges::sort(windows, {}, &Interval::from);
  return windows;
}

/// Cuts the windows out of what is running; other states are the process' own doing and stay.
std::vector<Interval> with_bystander(const std::vector<Interval>& own,
                                     const std::vector<Interval>& windows, Instant start,
                                     Instant end) {
  LineBuilder line(start, end, Origin::kCalls);
  auto window = windows.begin();
  for (const Interval& interval : own) {
    if (interval.state != Occupancy::kRunning) {
      line.until(interval.to, interval.state);
      continue;
    }
    while (window != windows.end() && window->to <= interval.from) {
      ++window;
    }
    // A window may reach into the next interval, which looks at it again.
    for (auto next = window; next != windows.end() && next->from < interval.to; ++next) {
      line.until(next->from, Occupancy::kRunning);
      line.until(std::min(next->to, interval.to), Occupancy::kBystander);
    }
    line.until(interval.to, Occupancy::kRunning);
  }
  return line.take();
}

std::vector<Interval> from_calls(const RunRecord& run, const RankRecord& rank, Instant start) {
  return with_bystander(own_states(run, rank.pid, start), others_calls(run, rank), start, run.end);
}

// ---- from the model

/// A process, a GPU and a queue of it.
using QueueKey = std::tuple<Pid, std::uint32_t, std::uint32_t>;
using ByQueue = std::map<QueueKey, std::vector<Interval>>;

/// As far as the record goes.
ByQueue from_model(const RunRecord& run) {
  struct Line {
    LineBuilder builder;
    Occupancy now;
  };
  std::map<QueueKey, Line> lines;
  const Instant end = std::min(run.end, run.occupancy.until);
  for (const OccupancyChange& change : run.occupancy.changes) {
    const auto [line, born] = lines.try_emplace(
        QueueKey{change.pid, change.gpu, change.queue},
        Line{.builder = LineBuilder(run.start, end, Origin::kModel), .now = Occupancy::kGone});
    line->second.builder.until(change.at, line->second.now);
    line->second.now = change.state;
  }
  ByQueue intervals;
  for (auto& [key, line] : lines) {
    line.builder.until(end, line.now);
    intervals.emplace(key, line.builder.take());
  }
  return intervals;
}

/// The queues of a process on a GPU, all that the model tells of; without it one.
void add_lines(const RunRecord& run, const TenantLine& head, const ByQueue& model,
               Timeline& timeline) {
  const RankRecord rank{.pid = head.pid, .target = {}, .gpu = head.gpu};
  const Instant known = std::min(run.end, run.occupancy.until);
  auto found = model.lower_bound(QueueKey{head.pid, head.gpu, 0});
  const auto last = model.upper_bound(QueueKey{head.pid, head.gpu, ~std::uint32_t{0}});
  if (found == last) {
    timeline.lines.push_back(head);
    timeline.lines.back().intervals = from_calls(run, rank, run.start);
    return;
  }
  for (bool first = true; found != last; ++found, first = false) {
    TenantLine& line = (first ? timeline.lines : timeline.more_queues).emplace_back(head);
    line.queue = std::get<2>(found->first);
    line.intervals = found->second;
    if (known < run.end) {
      const std::vector<Interval> rest = from_calls(run, rank, std::max(known, run.start));
      line.intervals.insert(line.intervals.end(), rest.begin(), rest.end());
    }
  }
}

}  // namespace

std::string_view to_string(Origin origin) { return origin == Origin::kModel ? "model" : "calls"; }

Timeline timeline_of(const RunRecord& run) {
  Timeline timeline{.start = run.start, .end = run.end, .lines = {}, .more_queues = {}};
  const ByQueue model = from_model(run);
  for (const TenantRecord& tenant : run.tenants) {
    for (std::uint32_t rank = 0; rank < tenant.ranks.size(); ++rank) {
      add_lines(run,
                {.name = tenant.name,
                 .id = tenant.id,
                 .gpu = tenant.ranks[rank].gpu,
                 .intervals = {},
                 .pid = tenant.ranks[rank].pid,
                 .rank = rank},
                model, timeline);
    }
  }
  return timeline;
}

Duration time_in(const TenantLine& line, Occupancy state) {
  Duration sum{};
  for (const Interval& interval : line.intervals) {
    sum += interval.state == state ? interval.to - interval.from : Duration::zero();
  }
  return sum;
}

}  // namespace gpreempt::cli
