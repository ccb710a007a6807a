#include "cli/trace_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/run_trace.h"
#include "cli/simulate.h"
#include "cli/timeline.h"
#include "cli/trace_file.h"
#include "core/decision.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

constexpr std::uint32_t kDecisionRow = 1;

std::string decision_name(const Decision& decision) {
  return fmt::format("{}: {}", to_string(decision.verdict), to_string(decision.reason));
}

bool carries_out(const DriverCall& call, const Decision& decision) {
  return decision.at <= call.called &&
         (call.kind == ControlKind::kSuspend) == (decision.verdict == Verdict::kSuspend);
}

/// A call of one process with the decision that led to it, if one did.
struct DecidedCall {
  const DriverCall* call = nullptr;
  const Decision* decision = nullptr;
};

/// Rows of calls of one process: a second one only if calls overlap, since slices must nest.
class Lanes {
 public:
  /// The row for what lasts from `from` to `to`, and since when it has been free.
  struct Lane {
    std::size_t index = 0;
    Instant free_since;
  };
  Lane take(Instant from, Instant to) {
    auto lane = std::ranges::find_if(ends_, [from](Instant end) { return end <= from; });
    if (lane == ends_.end()) {
      lane = ends_.insert(ends_.end(), Instant::min());
    }
    const Instant before = *lane;
    *lane = to;
    return {.index = static_cast<std::size_t>(lane - ends_.begin()), .free_since = before};
  }

 private:
  std::vector<Instant> ends_;
};

class CallsWriter {
 public:
  CallsWriter(const CallsOfRun& calls, TracePlace& place, TraceFile& file)
      : calls_(calls),
        run_(calls.run),
        process_(place.process++),
        next_flow_(place.flow),
        file_(file) {}

  void operator()() {
    file_.name_process(process_, fmt::format("{}: scheduler and driver", calls_.label));
    file_.name_row({.process = process_, .row = kDecisionRow}, "decisions");
    for (const Decision& decision : run_.decisions) {
      if (decision.at < calls_.until) {
        write_decision(decision);
      }
    }
    std::map<Pid, bool> seen;
    for (const TenantRecord& tenant : run_.tenants) {
      for (const RankRecord& rank : tenant.ranks) {
        if (!std::exchange(seen[rank.pid], true)) {
          write_process(tenant, rank);
        }
      }
    }
  }

 private:
  void write_decision(const Decision& decision) {
    std::string args =
        fmt::format("\"sequence\":{},\"tenant\":{},\"cause\":{},\"rejected\":\"{}\"",
                    decision.sequence, json_string(name_of(decision.tenant)),
                    json_string(name_of(decision.cause)), to_string(decision.rejected));
    if (decision.predicted_cost != kUnknownCost) {
      args += fmt::format(",\"predicted_cost_ns\":{}", to_ns(decision.predicted_cost));
    }
    for (const Term& term : decision.terms.items()) {
      args += fmt::format(",\"{}\":{}", to_string(term.name), term.value);
    }
    file_.instant({.process = process_, .row = kDecisionRow}, decision_name(decision), decision.at,
                  args);
  }

  [[nodiscard]] std::string_view name_of(TenantId id) const {
    const auto tenant = std::ranges::find(run_.tenants, id, &TenantRecord::id);
    return tenant == run_.tenants.end() ? std::string_view("?") : std::string_view(tenant->name);
  }

  [[nodiscard]] std::vector<DecidedCall> calls_of(const RankRecord& rank) const {
    std::vector<DecidedCall> calls;
    for (const DriverCall& call : run_.calls) {
      if (call.target == rank.pid && call.called < calls_.until) {
        calls.push_back({.call = &call});
      }
    }
    std::ranges::sort(calls, {}, [](const DecidedCall& each) { return each.call->called; });
    std::vector<const Decision*> decisions;
    for (const Decision& decision : run_.decisions) {
      if (decision.target == rank.target) {
        decisions.push_back(&decision);
      }
    }
    std::size_t next = 0;  // of the decisions that no call has followed yet
    for (DecidedCall& each : calls) {
      for (std::size_t i = next; i < decisions.size() && decisions[i]->at <= each.call->called;
           ++i) {
        if (carries_out(*each.call, *decisions[i])) {
          each.decision = decisions[i];
          next = i + 1;
        }
      }
    }
    return calls;
  }

  void write_process(const TenantRecord& tenant, const RankRecord& rank) {
    const std::vector<DecidedCall> calls = calls_of(rank);
    Lanes lanes;
    std::map<std::size_t, Track> tracks;
    constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t open_flow = kNone;  // of a suspension, until its resume
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const DriverCall& call = *calls[i].call;
      const Lanes::Lane lane = lanes.take(call.called, call.done);
      const auto [track, born] =
          tracks.try_emplace(lane.index, Track{.process = process_, .row = next_row_});
      if (born) {
        ++next_row_;
        file_.name_row(track->second, row_name(tenant, rank));
      }
      const std::optional<std::uint64_t> flow =
          write_decided(calls[i], track->second, lane.free_since);
      write_call(call, track->second);
      if (call.kind == ControlKind::kResume && open_flow != kNone) {
        file_.flow(FlowStep::kEnd, track->second, open_flow, call.called);
        open_flow = kNone;
      }
      if (flow) {
        const bool resumed = call.kind == ControlKind::kSuspend && open_flow == kNone &&
                             std::any_of(calls.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                         calls.end(), [](const DecidedCall& later) {
                                           return later.call->kind == ControlKind::kResume;
                                         });
        lead_on({.id = *flow, .call = calls[i], .at = track->second, .goes_on = resumed}, rank);
        if (resumed) {
          open_flow = *flow;
        }
      }
    }
  }

  static std::string row_name(const TenantRecord& tenant, const RankRecord& rank) {
    return tenant.ranks.size() > 1 ? fmt::format("calls: {} on GPU {}", tenant.name, rank.gpu)
                                   : fmt::format("calls: {}", tenant.name);
  }

  /// From the decision to the end of its call, and where the arrow begins.
  std::optional<std::uint64_t> write_decided(const DecidedCall& each, Track track,
                                             Instant free_since) {
    if (each.decision == nullptr) {
      return std::nullopt;
    }
    const Instant from = std::max(each.decision->at, free_since);
    file_.slice(track, {.category = "decision",
                        .name = decision_name(*each.decision),
                        .from = from,
                        .to = each.call->done,
                        .args = fmt::format("\"sequence\":{}", each.decision->sequence)});
    file_.flow(FlowStep::kStart, track, next_flow_, from);
    return next_flow_++;
  }

  void write_call(const DriverCall& call, Track track) {
    file_.slice(track, {.category = "call",
                        .name = to_string(call.kind),
                        .from = call.called,
                        .to = call.done,
                        .args = fmt::format("\"saved_bytes\":{},\"first_of_process\":{}",
                                            call.saved_bytes, call.first_of_process)});
    Instant from = call.called;
    for (std::size_t i = 0; i < call.phases.size(); ++i) {
      if (call.phases.at(i) > Duration::zero()) {
        file_.slice(track, {.category = "phase",
                            .name = to_string(static_cast<DriverPhase>(i)),
                            .from = from,
                            .to = from + call.phases.at(i)});
        from += call.phases.at(i);
      }
    }
  }

  /// An arrow that has reached its call.
  struct Arrow {
    std::uint64_t id = 0;
    DecidedCall call;
    Track at;
    bool goes_on = false;  ///< to the resume
  };
  /// A place that an arrow leads to.
  struct Point {
    Track track;
    Instant at;
  };

  void lead_on(const Arrow& arrow, const RankRecord& rank) {
    const std::optional<Point> next = arrow.call.call->kind == ControlKind::kSuspend
                                          ? dispatch_after(*arrow.call.decision, rank)
                                          : running_after(*arrow.call.call, rank);
    const auto step = [](bool last) { return last ? FlowStep::kEnd : FlowStep::kStep; };
    file_.flow(step(!next && !arrow.goes_on), arrow.at, arrow.id, arrow.call.call->called);
    if (next) {
      file_.flow(step(!arrow.goes_on), next->track, arrow.id, next->at);
    }
  }

  /// The first wave, after the decision, of a request that was there when it was taken.
  [[nodiscard]] std::optional<Point> dispatch_after(const Decision& decision,
                                                    const RankRecord& rank) const {
    const auto tenant = std::ranges::find(run_.tenants, decision.cause, &TenantRecord::id);
    if (tenant == run_.tenants.end() || tenant->requests.empty()) {
      return std::nullopt;
    }
    Instant first = kForever;
    const auto end =
        std::ranges::upper_bound(tenant->requests, decision.at, {}, &RequestRecord::arrival);
    // Older ones than these are complete, or there is a backlog that no arrow explains.
    constexpr std::ptrdiff_t kLookBack = 64;
    for (auto request = end - std::min(kLookBack, end - tenant->requests.begin()); request != end;
         ++request) {
      if (request->first_wave >= decision.at) {
        first = std::min(first, request->first_wave);
      }
    }
    auto row = calls_.rows.find({tenant->ranks.front().pid, rank.gpu});
    if (row == calls_.rows.end()) {
      row = calls_.rows.find({tenant->ranks.front().pid, tenant->ranks.front().gpu});
    }
    if (first >= calls_.until || row == calls_.rows.end()) {
      return std::nullopt;
    }
    return Point{.track = row->second, .at = first};
  }

  /// Where the queue that was resumed runs again.
  [[nodiscard]] std::optional<Point> running_after(const DriverCall& call,
                                                   const RankRecord& rank) const {
    const auto row = calls_.rows.find({rank.pid, rank.gpu});
    const auto line = std::ranges::find_if(calls_.lines, [&](const TenantLine& each) {
      return each.pid == rank.pid && each.gpu == rank.gpu;
    });
    if (row == calls_.rows.end() || line == calls_.lines.end()) {
      return std::nullopt;
    }
    auto interval = std::ranges::lower_bound(line->intervals, call.called, {}, &Interval::from);
    while (interval != line->intervals.end() && interval->state != Occupancy::kRunning) {
      ++interval;
    }
    if (interval == line->intervals.end() || interval->from >= calls_.until) {
      return std::nullopt;
    }
    return Point{.track = row->second, .at = interval->from};
  }

  const CallsOfRun& calls_;
  const RunRecord& run_;
  std::uint32_t process_;
  std::uint32_t next_row_ = kDecisionRow + 1;
  std::uint64_t& next_flow_;
  TraceFile& file_;
};

}  // namespace

void write_calls(const CallsOfRun& calls, TracePlace& place, TraceFile& file) {
  CallsWriter(calls, place, file)();
}

}  // namespace gpreempt::cli
