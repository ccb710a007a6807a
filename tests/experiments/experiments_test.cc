// Goal: each experiment finds in both modelled worlds what the model was built to do, through the
// same seam that hardware has.
// Method: expectations are rules of the driver and closed forms of docs/model.md, from the model's
// parameters.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "core/time.h"
#include "experiments/experiment.h"
#include "experiments/verdict.h"
#include "tests/experiments/worlds.h"

namespace gpreempt::experiments {
namespace {

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
  for (const char* model : {"A", "B"}) {
    const Verdict same = find(verdicts, std::string("queue-ids/same-in-every-run/") + model);
    EXPECT_EQ(same.answer, Answer::kYes);
    EXPECT_EQ(number(same, "runs"), 5);
  }
  // ROCr's own queue is the first of a process; two SDMA queues follow, then those of the streams.
  EXPECT_EQ(find(verdicts, "queue-ids/same-in-every-run/A").facts.at(0).second, "{0,3}");
  EXPECT_EQ(find(verdicts, "queue-ids/same-in-every-run/B").facts.at(0).second, "{0,3,4,5,6}");
  // Two of five.
  EXPECT_DOUBLE_EQ(number(find(verdicts, "queue-ids/overlap-as-numbers"), "most_overlap"), 0.4);
  EXPECT_EQ(find(verdicts, "queue-ids/unique-as-pid-and-id").answer, Answer::kYes);
  EXPECT_EQ(find(verdicts, "queue-ids/internal-queue").value, Quantity("0"));
  EXPECT_EQ(find(verdicts, "queue-ids/from-first-work-to-exit").answer, Answer::kYes);
  EXPECT_EQ(find(verdicts, "queue-ids/strategy").value, Quantity("discover by pid"));
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
  EXPECT_EQ(find(verdicts, "priority/in-the-mqd/0").value, Quantity("queue 0, pipe 0"));
  EXPECT_EQ(find(verdicts, "priority/in-the-mqd/7").value, Quantity("queue 7, pipe 1"));
  EXPECT_EQ(find(verdicts, "priority/in-the-mqd/11").value, Quantity("queue 11, pipe 2"));
  EXPECT_EQ(find(verdicts, "priority/in-the-mqd/15").value, Quantity("queue 15, pipe 2"));
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
  const Verdict slots = find(verdicts, "lifecycle/one-slot-per-xcc");
  if (GetParam() == Kind::kSim) {
    EXPECT_EQ(slots.answer, Answer::kUnavailable);
    return;
  }
  EXPECT_EQ(slots.answer, Answer::kMet) << slots.reason;
  // Five queues, four XCCs, as the dumps of an MI308X show.
  EXPECT_EQ(number(slots, "queues"), 5);
  EXPECT_EQ(number(slots, "slots"), 20);
}

TEST_P(ExperimentTest, SubmittedWorkWaitsForTheMapping) {
  const std::vector<Verdict> verdicts = ask("doorbell");
  EXPECT_EQ(find(verdicts, "doorbell/submits-while-unmapped").answer, Answer::kYes);
  EXPECT_EQ(find(verdicts, "doorbell/runs-while-unmapped").answer, Answer::kNo);
  EXPECT_EQ(find(verdicts, "doorbell/runs-after-remap").answer, Answer::kYes);
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

TEST_P(ExperimentTest, SameSeedGivesTheSameVerdicts) {
  for (const char* experiment : {"queue-ids", "bystander", "activity"}) {
    EXPECT_EQ(verdicts_document("experiment", "x", ask(experiment)),
              verdicts_document("experiment", "x", ask(experiment)))
        << experiment;
  }
}

}  // namespace
}  // namespace gpreempt::experiments
