// Goal: each experiment finds in both modelled worlds what the model was built to do, through the
// same seam that hardware has.
// Method: expectations are rules of the driver and closed forms of docs/model.md, from the model's
// parameters.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "core/error.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/experiment.h"
#include "experiments/session.h"
#include "experiments/verdict.h"
#include "tests/experiments/worlds.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::seconds;
using testing::find;
using testing::Kind;
using testing::machine;
using testing::number;
using testing::run;
using testing::setting_of;

class ExperimentTest : public ::testing::TestWithParam<Kind> {
 protected:
  static std::vector<Verdict> ask(const char* experiment) {
    return run(experiment, setting_of(GetParam()));
  }
};
INSTANTIATE_TEST_SUITE_P(Worlds, ExperimentTest, ::testing::Values(Kind::kSim, Kind::kVkfd),
                         [](const auto& world) { return testing::name_of(world.param); });

double ns(Duration duration) { return static_cast<double>(to_ns(duration)); }

TEST_P(ExperimentTest, QueueIdsAreTheLowestFreeOfEachProcess) {
  const std::vector<Verdict> verdicts = ask("queue-ids");
  for (const char* model : {"a", "b"}) {
    const Verdict same = find(verdicts, std::string("queue-ids/same-in-every-run/") + model);
    EXPECT_EQ(same.answer, Answer::kYes);
    EXPECT_EQ(number(same, "runs"), 5);
  }
  // ROCr's own queue is the first of a process; two SDMA queues follow, then those of the streams.
  EXPECT_EQ(find(verdicts, "queue-ids/same-in-every-run/a").facts.at(0).second, "{0,3}");
  EXPECT_EQ(find(verdicts, "queue-ids/same-in-every-run/b").facts.at(0).second, "{0,3,4,5,6}");
  // Two of five.
  EXPECT_DOUBLE_EQ(number(find(verdicts, "queue-ids/overlap-as-numbers"), "most_overlap"), 0.4);
  EXPECT_EQ(find(verdicts, "queue-ids/unique-as-pid-and-id").answer, Answer::kYes);
  EXPECT_EQ(find(verdicts, "queue-ids/internal-queue").value, Quantity("0"));
  EXPECT_EQ(find(verdicts, "queue-ids/from-first-work-to-exit").answer, Answer::kYes);
  EXPECT_EQ(find(verdicts, "queue-ids/counts-add-up").answer, Answer::kYes);
  const Verdict company = find(verdicts, "queue-ids/kept-when-another-starts");
  EXPECT_EQ(company.answer, Answer::kYes);
  EXPECT_EQ(number(company, "runs"), 3);
  EXPECT_EQ(find(verdicts, "queue-ids/strategy").value, Quantity("discover by pid"));
}

/// The same world, under a driver that counts ids from the pid.
Setting patched(Kind kind) {
  Setting setting = setting_of(kind);
  setting.open = [open = setting.open](WorldRequest request) {
    request.ids_from_pid = true;
    return open(request);
  };
  return setting;
}

TEST_P(ExperimentTest, IdsOfThePatchedDriverAreNeverTheSameAndFollowFromThePid) {
  const std::vector<Verdict> verdicts = run("queue-ids", patched(GetParam()));
  for (const char* model : {"a", "b"}) {
    const Verdict same = find(verdicts, std::string("queue-ids/same-in-every-run/") + model);
    EXPECT_EQ(same.answer, Answer::kNo);
    EXPECT_EQ(same.value, Quantity("unpredictable"));
    for (int run = 0; run < 5; ++run) {
      const auto& [what, ids] = same.facts.at(static_cast<std::size_t>(run));
      int number = 0;
      int pid = 0;
      int first = -1;
      ASSERT_EQ(std::sscanf(what.c_str(), "run %d, pid %d", &number, &pid), 2) << what;
      ASSERT_EQ(std::sscanf(ids.c_str(), "{%d", &first), 1) << ids;
      EXPECT_EQ(first, pid % 256 * 4);
    }
  }
  EXPECT_EQ(find(verdicts, "queue-ids/unique-as-pid-and-id").answer, Answer::kYes);
  EXPECT_EQ(find(verdicts, "queue-ids/counts-add-up").answer, Answer::kYes);
  const Verdict strategy = find(verdicts, "queue-ids/strategy");
  EXPECT_EQ(strategy.value, Quantity("discover by pid"));
  EXPECT_EQ(strategy.facts.at(1).second, "wrong");  // a list for one process
}

TEST_P(ExperimentTest, PriorityTakesNoRunningWaveOff) {
  const std::vector<Verdict> verdicts = ask("priority");
  const Verdict preempts = find(verdicts, "priority/preempts");
  EXPECT_EQ(preempts.answer, Answer::kNo) << preempts.reason;
  // What is left of a kernel that runs, at any time: half of it in the middle.
  EXPECT_LT(number(preempts, "high_wait_share_lo"), 0.5);
  EXPECT_GT(number(preempts, "high_wait_share_hi"), 0.5);
  EXPECT_EQ(find(verdicts, "priority/passes-the-backlog").answer, Answer::kYes);
  if (GetParam() == Kind::kSim) {
    EXPECT_EQ(find(verdicts, "priority/in-the-mqd").answer, Answer::kUnavailable);
    return;
  }
  for (const std::string where : {"priority/in-the-mqd/", "priority/in-the-hqd/"}) {
    EXPECT_EQ(find(verdicts, where + "0").value, Quantity("queue 0, pipe 0"));
    EXPECT_EQ(find(verdicts, where + "7").value, Quantity("queue 7, pipe 1"));
    EXPECT_EQ(find(verdicts, where + "11").value, Quantity("queue 11, pipe 2"));
    EXPECT_EQ(find(verdicts, where + "15").value, Quantity("queue 15, pipe 2"));
    EXPECT_EQ(find(verdicts, where + "11").answer, Answer::kYes);
  }
}

TEST_P(ExperimentTest, BystanderPaysForEveryMappedQueueTwice) {
  const std::vector<Verdict> verdicts = ask("bystander");
  EXPECT_EQ(find(verdicts, "bystander/is-preempted").answer, Answer::kYes);
  const Verdict grows = find(verdicts, "bystander/grows-with-queues");
  EXPECT_EQ(grows.answer, Answer::kYes);
  // Suspend and resume each put it on the runlist, and map it; leaving it takes a look.
  const sim::GpuParameters gpu = machine().gpu;
  const double once = ns(gpu.t_build_entry + gpu.t_map_queue + gpu.t_dequeue);
  EXPECT_NEAR(number(grows, "per_queue_ns"), 2 * once, 0.1 * once);
}

TEST_P(ExperimentTest, QueueIsInOneSlotOfEachXcc) {
  const std::vector<Verdict> verdicts = ask("lifecycle");
  EXPECT_EQ(find(verdicts, "lifecycle/identified").answer, Answer::kMet);
  EXPECT_EQ(find(verdicts, "lifecycle/creation-order").value,
            Quantity("0 internal, 1 sdma, 2 sdma, 3 user, 4 user, 5 user, 6 user"));
  EXPECT_EQ(find(verdicts, "lifecycle/count-is-stable").answer, Answer::kMet);
  EXPECT_EQ(find(verdicts, "lifecycle/gone-after-exit").answer, Answer::kYes);
  // T-10, T+5, T+10, then every 10 to T+90, the end at T+100, T+105, T+110; a hundredth of it.
  const Verdict timeline = find(verdicts, "lifecycle/timeline");
  EXPECT_EQ(timeline.answer, Answer::kYes);
  EXPECT_EQ(timeline.value, Quantity("0, 5, 0"));
  std::vector<std::string> instants;
  for (const auto& [instant, row] : timeline.facts) {
    instants.push_back(instant);
  }
  EXPECT_EQ(instants,
            (std::vector<std::string>{"T-100 ms", "T+50 ms", "T+100 ms", "T+200 ms", "T+300 ms",
                                      "T+400 ms", "T+500 ms", "T+600 ms", "T+700 ms", "T+800 ms",
                                      "T+900 ms", "T+1.05 s", "T+1.1 s"}));
  const Verdict slots = find(verdicts, "lifecycle/one-slot-per-xcc");
  if (GetParam() == Kind::kSim) {
    EXPECT_EQ(slots.answer, Answer::kUnavailable);
    return;
  }
  EXPECT_EQ(slots.answer, Answer::kMet) << slots.reason;
  // Five queues, four XCCs, as the dumps of an MI308X show.
  EXPECT_EQ(number(slots, "queues"), 5);
  EXPECT_EQ(number(slots, "slots"), 20);
  EXPECT_EQ(timeline.facts.front().second, "no process; machine: 0 in 0");
  EXPECT_EQ(timeline.facts.at(1).second,
            "5 compute, 2 SDMA; 5 descriptors in 20 slots; machine: 5 in 20");
  EXPECT_EQ(timeline.facts.back().second,
            "exited, 0 compute, 0 SDMA left; 0 descriptors in 0 slots; machine: 0 in 0");
}

TEST_P(ExperimentTest, SubmittedWorkWaitsForTheMapping) {
  const std::vector<Verdict> verdicts = ask("doorbell");
  EXPECT_EQ(find(verdicts, "doorbell/submits-while-unmapped").answer, Answer::kYes);
  EXPECT_EQ(find(verdicts, "doorbell/runs-while-unmapped").answer, Answer::kNo);
  EXPECT_EQ(find(verdicts, "doorbell/runs-after-remap").answer, Answer::kYes);
  // Five requests when it is quick, which all agree: 0.05^(1/5).
  for (const Verdict& verdict : verdicts) {
    EXPECT_EQ(verdict.confidence, 0.95) << verdict.name;
    EXPECT_NEAR(number(verdict, "agrees_at_least"), 0.5493, 1e-4) << verdict.name;
  }
}

TEST_P(ExperimentTest, BothKindsOfFirmwareAreToldApart) {
  const std::vector<Verdict> verdicts = ask("activity");
  EXPECT_EQ(find(verdicts, "activity/begin/read-index-early").answer, Answer::kYes);
  EXPECT_EQ(find(verdicts, "activity/end/read-index-early").answer, Answer::kNo);
  for (const char* firmware : {"as-it-is", "begin", "end"}) {
    EXPECT_EQ(find(verdicts, std::string("activity/") + firmware + "/idle-is-true").answer,
              Answer::kMet);
  }
}

TEST_P(ExperimentTest, DebuggerThatSuspendsNothingCostsOnlyItsAttach) {
  const std::vector<Verdict> verdicts = ask("attach-tax");
  const Verdict steady = find(verdicts, "attach-tax/while-attached");
  EXPECT_LE(number(steady, "loss"), number(steady, "resolution"));
  EXPECT_GE(number(steady, "loss"), -number(steady, "resolution"));
  EXPECT_GT(number(find(verdicts, "attach-tax/once"), "lost_ns"), 0);
}

TEST_P(ExperimentTest, BatchGainsOverSeparateCallsOnly) {
  const std::vector<Verdict> verdicts = ask("mechanisms");
  // Each of four calls is a cycle of the whole GPU: about four times one, less what depends on how
  // many queues are still mapped.
  const Verdict batch = find(verdicts, "mechanisms/batch-gain");
  EXPECT_GT(std::get<double>(batch.value), 2.5);
  EXPECT_LT(std::get<double>(batch.value), 6);
  EXPECT_EQ(find(verdicts, "mechanisms/suspend-queues").answer, Answer::kReported);
  EXPECT_EQ(find(verdicts, "mechanisms/cwsr-direct").answer, Answer::kUnavailable);
  EXPECT_EQ(find(verdicts, "mechanisms/stop-sched").answer, Answer::kUnavailable);
}

TEST_P(ExperimentTest, OneQueueTooManyHalvesAll) {
  const std::vector<Verdict> verdicts = ask("oversubscription");
  const Verdict cliff = find(verdicts, "oversubscription/cliff");
  EXPECT_EQ(cliff.answer, Answer::kYes);
  EXPECT_EQ(number(cliff, "slots"), machine().gpu.hqd_slots);
  // Turns leave one half; the switches between them cost more.
  EXPECT_LT(number(cliff, "share_beyond"), 0.5);
  EXPECT_GT(number(cliff, "share_beyond"), 0.25);
  EXPECT_EQ(find(verdicts, "oversubscription/everyone-has-a-turn").answer, Answer::kYes);
}

TEST(Told, WhatAProgramDoesNotTellIsNotTakenForNothing) {
  ProgramProgress progress{.work = seconds(1), .bystander = seconds(1)};
  EXPECT_EQ(check_tells_work(progress).error().code, Errc::kUnsupported);
  EXPECT_EQ(check_tells_bystander(progress).error().code, Errc::kUnsupported);
  progress.tells_work = true;
  progress.tells_bystander = true;
  EXPECT_TRUE(check_tells_work(progress));
  EXPECT_TRUE(check_tells_bystander(progress));
}

/// A world that cannot be kept: opening it ends with this error.
Setting broken(Errc code) {
  Setting setting{.open = {}, .backend = "sim"};
  setting.open = [code](const WorldRequest& /*request*/) -> Result<std::unique_ptr<Testbed>> {
    return fail(code, "suspend: it went wrong");
  };
  return setting;
}

std::vector<Verdict> run_two(const Setting& setting) {
  const std::vector<const Experiment*> two = {*find_experiment("doorbell"),
                                              *find_experiment("bystander")};
  const auto verdicts = run_experiments(two, setting, [](std::string_view /*name*/) {});
  EXPECT_TRUE(verdicts.has_value());
  return verdicts.value_or(std::vector<Verdict>());
}

TEST(RunExperiments, OneThatIsBrokenOffIsMissedAndTheOthersAreRun) {
  const std::vector<Verdict> verdicts = run_two(broken(Errc::kTimedOut));
  for (const char* name : {"doorbell", "bystander"}) {
    EXPECT_EQ(find(verdicts, name).answer, Answer::kMissed);
    EXPECT_EQ(find(verdicts, name).value, Quantity("broken off"));
    EXPECT_EQ(find(verdicts, name).reason, "suspend: it went wrong");
  }
}

TEST(RunExperiments, NothingIsAskedOfAGpuThatHasFailed) {
  const std::vector<Verdict> verdicts = run_two(broken(Errc::kHardwareFailure));
  EXPECT_EQ(find(verdicts, "doorbell").answer, Answer::kMissed);
  EXPECT_EQ(find(verdicts, "bystander").answer, Answer::kUnavailable);
  EXPECT_TRUE(find(verdicts, "bystander").reason.starts_with("not run: "));
}

TEST(RunExperiments, DefectOfThisProgramIsNoFinding) {
  const std::vector<const Experiment*> one = {*find_experiment("doorbell")};
  for (const Errc code : {Errc::kInternal, Errc::kInterrupted, Errc::kInvalidArgument}) {
    const auto verdicts = run_experiments(one, broken(code), [](std::string_view /*name*/) {});
    ASSERT_FALSE(verdicts);
    EXPECT_EQ(verdicts.error().code, code);
  }
}

TEST_P(ExperimentTest, SameSeedGivesTheSameVerdicts) {
  for (const char* experiment : {"queue-ids", "bystander", "activity"}) {
    EXPECT_EQ(verdicts_document("experiment", {.backend = "x"}, ask(experiment)),
              verdicts_document("experiment", {.backend = "x"}, ask(experiment)))
        << experiment;
  }
}

}  // namespace
}  // namespace gpreempt::experiments
