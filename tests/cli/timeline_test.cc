// Goal: a timeline says of every instant of a run what each tenant's queues were.
#include "cli/timeline.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/simulate.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/occupancy.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

constexpr Pid kServe{10};
constexpr Pid kTrain{11};

TenantRecord tenant(const std::string& name, Pid pid, std::uint32_t gpu = 0) {
  TenantRecord record;
  record.name = name;
  record.ranks = {{.pid = pid, .target = {}, .gpu = gpu}};
  return record;
}

/// Nanoseconds of a call's phases.
struct Parts {
  std::int64_t issue = 0;
  std::int64_t lock = 0;
  std::int64_t unmap = 0;
  std::int64_t save = 0;
  std::int64_t map = 0;
  std::int64_t copy = 0;
};

DriverCall call(Pid target, ControlKind kind, std::int64_t called, const Parts& parts) {
  DriverCall made;
  made.target = target;
  made.kind = kind;
  made.called = instant_from_ns(called);
  const auto put = [&](DriverPhase phase, std::int64_t ns) {
    made.phases.at(static_cast<std::size_t>(phase)) = Duration(ns);
  };
  put(DriverPhase::kIssue, parts.issue);
  put(DriverPhase::kLock, parts.lock);
  put(DriverPhase::kUnmap, parts.unmap);
  put(DriverPhase::kSave, parts.save);
  put(DriverPhase::kMap, parts.map);
  put(DriverPhase::kCopy, parts.copy);
  made.done = made.called + Duration(parts.issue + parts.lock + parts.unmap + parts.save +
                                     parts.map + parts.copy);
  return made;
}

/// One suspend at 100 and one resume at 300 of `train`, in a run from 0 to 1000.
RunRecord one_preemption(std::uint32_t gpu_of_train = 0) {
  RunRecord run;
  run.start = instant_from_ns(0);
  run.end = instant_from_ns(1000);
  run.tenants = {tenant("serve", kServe), tenant("train", kTrain, gpu_of_train)};
  run.calls = {
      call(kTrain, ControlKind::kSuspend, 100,
           {.issue = 5, .lock = 5, .unmap = 20, .save = 30, .map = 10, .copy = 40}),
      call(kTrain, ControlKind::kResume, 300, {.issue = 10, .lock = 0, .unmap = 15, .map = 25}),
  };
  return run;
}

std::string text(const TenantLine& line) {
  std::string result;
  for (const Interval& interval : line.intervals) {
    result += std::to_string(to_ns(interval.from)) + "-" + std::to_string(to_ns(interval.to)) +
              " " + std::string(to_string(interval.state)) + "; ";
  }
  return result;
}

TEST(RunTimeline, LaysTheCallsOfATenantEndToEnd) {
  // Suspend: on the GPU at 100 + 5 + 5, stopped 20 later, saved 30 after that.
  // Resume: on the GPU at 310, unmapped at 325, its runlist submitted at 350.
  EXPECT_EQ(text(timeline_of(one_preemption()).lines.at(1)),
            "0-110 running; 110-130 unmapping; 130-160 saving; 160-325 suspended; "
            "325-350 restoring; 350-1000 running; ");
}

TEST(RunTimeline, TheOtherTenantOfThatGpuIsABystander) {
  // From 110 until the runlist is submitted at 110 + 20 + 30 + 10; from 310 until 350.
  const Timeline timeline = timeline_of(one_preemption());
  EXPECT_EQ(text(timeline.lines.at(0)),
            "0-110 running; 110-170 bystander; 170-310 running; 310-350 bystander; "
            "350-1000 running; ");
  EXPECT_EQ(time_in(timeline.lines.at(0), Occupancy::kBystander), Duration(100));
}

TEST(RunTimeline, ATenantOfAnotherGpuIsNotDisturbed) {
  EXPECT_EQ(text(timeline_of(one_preemption(1)).lines.at(0)), "0-1000 running; ");
}

TEST(RunTimeline, WhoIsSuspendedIsNoBystander) {
  RunRecord run = one_preemption();
  run.tenants.push_back(tenant("batch", Pid{12}));
  run.calls.push_back(call(Pid{12}, ControlKind::kSuspend, 200, {.unmap = 10, .save = 10}));
  EXPECT_EQ(time_in(timeline_of(run).lines.at(1), Occupancy::kBystander), Duration::zero());
}

TEST(RunTimeline, CoversTheRunWhateverIsCutOffAtItsEnds) {
  RunRecord run = one_preemption();
  run.start = instant_from_ns(120);
  run.end = instant_from_ns(330);
  EXPECT_EQ(text(timeline_of(run).lines.at(1)),
            "120-130 unmapping; 130-160 saving; 160-325 suspended; 325-330 restoring; ");
  EXPECT_EQ(text(timeline_of(run).lines.at(0)),
            "120-170 bystander; 170-310 running; 310-330 bystander; ");
}

TEST(RunTimeline, StaysSuspendedToTheEndWithoutAResume) {
  RunRecord run = one_preemption();
  run.calls.pop_back();
  EXPECT_EQ(time_in(timeline_of(run).lines.at(1), Occupancy::kSuspended), Duration(840));
}

OccupancyChange change(std::int64_t at, Pid pid, Occupancy state, std::uint32_t queue = 0) {
  return {.at = instant_from_ns(at), .pid = pid, .gpu = 0, .queue = queue, .state = state};
}

TEST(RunTimeline, WhatTheModelToldStandsInsteadOfTheCalls) {
  RunRecord run = one_preemption();
  run.occupancy.changes = {
      change(0, kServe, Occupancy::kRunning),     change(0, kTrain, Occupancy::kRunning),
      change(110, kServe, Occupancy::kBystander), change(110, kTrain, Occupancy::kUnmapping),
      change(130, kTrain, Occupancy::kSaving),    change(160, kTrain, Occupancy::kSuspended),
      change(190, kServe, Occupancy::kRunning),   change(310, kServe, Occupancy::kBystander),
      change(350, kTrain, Occupancy::kRestoring), change(400, kServe, Occupancy::kRunning),
      change(400, kTrain, Occupancy::kRunning),
  };
  const Timeline timeline = timeline_of(run);
  EXPECT_EQ(text(timeline.lines.at(0)),
            "0-110 running; 110-190 bystander; 190-310 running; 310-400 bystander; "
            "400-1000 running; ");
  EXPECT_EQ(text(timeline.lines.at(1)),
            "0-110 running; 110-130 unmapping; 130-160 saving; 160-350 suspended; "
            "350-400 restoring; 400-1000 running; ");
  EXPECT_EQ(timeline.lines.at(0).intervals.front().origin, Origin::kModel);
}

TEST(RunTimeline, CallsTellWhereTheModelsRecordIsFull) {
  RunRecord run = one_preemption();
  run.occupancy.changes = {change(0, kServe, Occupancy::kRunning),
                           change(0, kTrain, Occupancy::kRunning),
                           change(110, kServe, Occupancy::kBystander)};
  run.occupancy.until = instant_from_ns(200);
  const std::vector<Interval> serve = timeline_of(run).lines.at(0).intervals;
  EXPECT_EQ(text(timeline_of(run).lines.at(0)),
            "0-110 running; 110-200 bystander; 200-310 running; 310-350 bystander; "
            "350-1000 running; ");
  EXPECT_EQ(serve.at(1).origin, Origin::kModel);
  EXPECT_EQ(serve.at(2).origin, Origin::kCalls);
}

TEST(RunTimeline, QueuesBesideTheFirstHaveLinesOfTheirOwn) {
  RunRecord run = one_preemption();
  run.occupancy.changes = {change(0, kServe, Occupancy::kRunning),
                           change(500, kServe, Occupancy::kRunning, 1)};
  const Timeline timeline = timeline_of(run);
  ASSERT_EQ(timeline.more_queues.size(), 1U);
  EXPECT_EQ(timeline.more_queues.front().queue, 1U);
  EXPECT_EQ(text(timeline.more_queues.front()), "0-500 gone; 500-1000 running; ");
}

bool covers(const RunRecord& run, const TenantLine& line) {
  Instant at = run.start;
  for (std::size_t i = 0; i < line.intervals.size(); ++i) {
    const Interval& interval = line.intervals[i];
    if (interval.from != at || interval.to <= at) {
      return false;
    }
    if (i > 0 && line.intervals[i - 1].state == interval.state &&
        line.intervals[i - 1].origin == interval.origin) {
      return false;
    }
    at = interval.to;
  }
  return at == run.end;
}

TEST(RunTimeline, HasNeitherGapNorOverlapWhateverWasRecorded) {
  EXPECT_TRUE(rc::check([] {
    const auto ns = [](std::int64_t most) { return *rc::gen::inRange<std::int64_t>(0, most); };
    RunRecord run = one_preemption(ns(2) == 0 ? 0 : 1);
    run.start = instant_from_ns(ns(400));
    run.end = run.start + Duration(1 + ns(900));
    run.calls.clear();
    std::int64_t at = 0;
    for (std::int64_t i = ns(8); i > 0; --i) {
      at += ns(200);
      run.calls.push_back(call(ns(2) == 0 ? kServe : kTrain,
                               ns(2) == 0 ? ControlKind::kSuspend : ControlKind::kResume, at,
                               {.issue = ns(9), .lock = ns(9), .unmap = ns(40), .save = ns(40)}));
    }
    at = 0;
    for (std::int64_t i = ns(20); i > 0; --i) {
      at += ns(100);
      run.occupancy.changes.push_back(
          change(at, ns(2) == 0 ? kServe : kTrain,
                 static_cast<Occupancy>(ns(static_cast<std::int64_t>(kOccupancies))),
                 static_cast<std::uint32_t>(ns(2))));
    }
    if (ns(2) == 0) {
      run.occupancy.until = instant_from_ns(at + ns(100));
    }
    const Timeline timeline = timeline_of(run);
    RC_ASSERT(timeline.lines.size() == 2U);
    for (const auto* lines : {&timeline.lines, &timeline.more_queues}) {
      for (const TenantLine& line : *lines) {
        RC_ASSERT(covers(run, line));
      }
    }
  }));
}

}  // namespace
}  // namespace gpreempt::cli
