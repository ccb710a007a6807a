// Goal: the decision about queue ids is right on both kinds of driver that were seen.
// Method: ids as read on an MI308X: a stock driver gives each process 0, 1, 2, ...; a patched one
// began at (pid modulo 256) times 4, so that processes had 216-219, 220-223, ...
#include "experiments/queue_id_rule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/event.h"
#include "core/ids.h"
#include "experiments/verdict.h"
#include "tests/experiments/worlds.h"

namespace gpreempt::experiments {
namespace {

using testing::find;
using testing::number;

/// Four queues from `first` on; the first is the runtime's own.
ModelRun run_with(std::int32_t pid, std::uint32_t first) {
  ModelRun run{.pid = Pid(pid), .queues = {}};
  for (std::uint32_t i = 0; i < 4; ++i) {
    run.queues.push_back({.gpu = GpuId(0xf7bc),
                          .id = first + i,
                          .type = QueueType::kCompute,
                          .role = i == 0 ? QueueRole::kInternal : QueueRole::kUser});
  }
  return run;
}

QueueIdEvidence evidence_of(std::uint32_t (*first_id)(std::int32_t pid)) {
  QueueIdEvidence evidence{.alone = {{.model = "A", .runs = {}}}, .concurrent = {}, .driver = "x"};
  for (std::int32_t pid = 1334; pid < 1339; ++pid) {
    evidence.alone.front().runs.push_back(run_with(pid, first_id(pid)));
  }
  evidence.concurrent = {
      {.first = run_with(2001, first_id(2001)), .second = run_with(2002, first_id(2002))}};
  return evidence;
}

std::uint32_t stock(std::int32_t /*pid*/) { return 0; }
std::uint32_t patched(std::int32_t pid) { return static_cast<std::uint32_t>(pid % 256 * 4); }

std::string words(const Quantity& quantity) {
  const auto* const found = std::get_if<std::string>(&quantity);
  return found == nullptr ? "" : *found;
}

TEST(QueueIdRule, StockDriverRepeatsIdsInEveryProcess) {
  const std::vector<Verdict> verdicts = judge_queue_ids(evidence_of(stock));
  EXPECT_EQ(find(verdicts, "queue-ids/same-in-every-run/A").answer, Answer::kYes);
  EXPECT_EQ(words(find(verdicts, "queue-ids/same-in-every-run/A").value), "highly consistent");
  EXPECT_EQ(find(verdicts, "queue-ids/overlap-as-numbers").answer, Answer::kYes);
  EXPECT_EQ(number(find(verdicts, "queue-ids/overlap-as-numbers"), "most_overlap"), 1.0);
  EXPECT_EQ(find(verdicts, "queue-ids/unique-as-pid-and-id").answer, Answer::kYes);
}

TEST(QueueIdRule, PatchedDriverGivesOtherIdsEachTime) {
  const std::vector<Verdict> verdicts = judge_queue_ids(evidence_of(patched));
  // 1334 mod 256 is 54: 216 to 219, and then 220 to 223.
  const Verdict same = find(verdicts, "queue-ids/same-in-every-run/A");
  EXPECT_EQ(same.facts.at(0).second, "{216,217,218,219}");
  EXPECT_EQ(same.facts.at(1).second, "{220,221,222,223}");
  EXPECT_EQ(same.answer, Answer::kNo);
  EXPECT_EQ(words(same.value), "unpredictable");
  EXPECT_EQ(find(verdicts, "queue-ids/overlap-as-numbers").answer, Answer::kNo);
}

TEST(QueueIdRule, DiscoveringByPidIsRightOnBoth) {
  for (const auto& rule : {stock, patched}) {
    const Verdict strategy = find(judge_queue_ids(evidence_of(rule)), "queue-ids/strategy");
    EXPECT_EQ(words(strategy.value), "discover by pid");
    EXPECT_EQ(strategy.answer, Answer::kYes);
  }
}

TEST(QueueIdRule, HardCodedListIsWrongAcrossProcessesOfAStockDriver) {
  const Verdict strategy = find(judge_queue_ids(evidence_of(stock)), "queue-ids/strategy");
  EXPECT_EQ(strategy.facts.at(0).second, "wrong");
  EXPECT_EQ(strategy.facts.at(1).second, "right so far");
  const Verdict other = find(judge_queue_ids(evidence_of(patched)), "queue-ids/strategy");
  EXPECT_EQ(other.facts.at(1).second, "wrong");
}

TEST(QueueIdRule, InternalQueueIsNotTheApplications) {
  const Verdict internal = find(judge_queue_ids(evidence_of(stock)), "queue-ids/internal-queue");
  EXPECT_EQ(internal.answer, Answer::kYes);
  EXPECT_EQ(words(internal.value), "0");
}

TEST(QueueIdRule, ListIsWrongForAllProcessesToo) {
  // Ids that differ from run to run do not overlap, and are no more right in a list for that.
  const Verdict strategy = find(judge_queue_ids(evidence_of(patched)), "queue-ids/strategy");
  EXPECT_EQ(strategy.facts.at(0).second, "wrong");
}

/// The same model twice, alone and with itself.
QueueIdEvidence evidence_of_two() {
  QueueIdEvidence evidence = evidence_of(stock);
  evidence.alone.push_back({.model = "B", .runs = evidence.alone.front().runs});
  return evidence;
}

TEST(QueueIdRule, QueuesOfTwoAtOnceAreThoseOfBothAlone) {
  EXPECT_EQ(find(judge_queue_ids(evidence_of_two()), "queue-ids/counts-add-up").answer,
            Answer::kYes);
  QueueIdEvidence more = evidence_of_two();
  more.concurrent.front().second.queues.push_back({.gpu = GpuId(1), .id = 9});
  EXPECT_EQ(find(judge_queue_ids(more), "queue-ids/counts-add-up").answer, Answer::kNo);
  QueueIdEvidence varying = evidence_of_two();
  varying.alone.front().runs.back().queues.pop_back();
  EXPECT_EQ(find(judge_queue_ids(varying), "queue-ids/counts-add-up").answer, Answer::kNo);
  EXPECT_EQ(find(judge_queue_ids(evidence_of(stock)), "queue-ids/counts-add-up").answer,
            Answer::kUnavailable);
}

TEST(QueueIdRule, ProcessWhoseIdsChangeWhenAnotherStartsIsNoticed) {
  QueueIdEvidence evidence = evidence_of(stock);
  EXPECT_EQ(find(judge_queue_ids(evidence), "queue-ids/kept-when-another-starts").answer,
            Answer::kUnavailable);
  ConcurrentRun& run = evidence.concurrent.front();
  run.first_alone = run.first;
  EXPECT_EQ(find(judge_queue_ids(evidence), "queue-ids/kept-when-another-starts").answer,
            Answer::kYes);
  run.first.queues.back().id = 77;
  EXPECT_EQ(find(judge_queue_ids(evidence), "queue-ids/kept-when-another-starts").answer,
            Answer::kNo);
}

TEST(QueueIdRule, FiveEqualRunsAreNoProof) {
  // With a chance of 0.549 for each of five to be equal, 5 % of experiments would look like this.
  const Verdict same = find(judge_queue_ids(evidence_of(stock)), "queue-ids/same-in-every-run/A");
  ASSERT_EQ(number(same, "runs"), 5);
  EXPECT_EQ(same.confidence, 0.95);
  EXPECT_NEAR(std::pow(number(same, "next_run_equal_at_least"), 5), 0.05, 1e-9);
}

TEST(QueueIdRule, OverlapIsOverTheLargerSet) {
  EXPECT_DOUBLE_EQ(overlap_of({1, 2, 3}, {2, 3}), 2.0 / 3);
  EXPECT_DOUBLE_EQ(overlap_of({1}, {2}), 0);
  EXPECT_DOUBLE_EQ(overlap_of({}, {}), 1);
}

TEST(QueueIdRule, FourOfFiveIdsInCommonIsOnlyPartlyConsistent) {
  // The threshold is above 0.8, not at it.
  QueueIdEvidence evidence = evidence_of(stock);
  for (ModelRun& run : evidence.alone.front().runs) {
    run.queues.push_back({.gpu = GpuId(1), .id = 4});
  }
  evidence.alone.front().runs.back().queues.back().id = 9;
  const Verdict verdict = find(judge_queue_ids(evidence), "queue-ids/same-in-every-run/A");
  EXPECT_EQ(words(verdict.value), "partly consistent");
  EXPECT_EQ(number(verdict, "equal_runs"), 4);
}

TEST(QueueIdRule, SameKeyTwiceMakesTheReadingUnsound) {
  QueueIdEvidence evidence = evidence_of(stock);
  evidence.concurrent.front().second.pid = evidence.concurrent.front().first.pid;
  const std::vector<Verdict> verdicts = judge_queue_ids(evidence);
  EXPECT_EQ(find(verdicts, "queue-ids/unique-as-pid-and-id").answer, Answer::kNo);
  EXPECT_EQ(find(verdicts, "queue-ids/strategy").answer, Answer::kNotResolvable);
}

TEST(QueueIdRule, InferredIdsMakeAssumedVerdicts) {
  QueueIdEvidence evidence = evidence_of(stock);
  evidence.inferred = "from doorbells";
  for (const Verdict& verdict : judge_queue_ids(evidence)) {
    EXPECT_EQ(verdict.basis,
              verdict.answer == Answer::kUnavailable ? Basis::kNothing : Basis::kAssumed)
        << verdict.name;
  }
}

}  // namespace
}  // namespace gpreempt::experiments
