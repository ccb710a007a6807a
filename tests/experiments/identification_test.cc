// Goal: the default way to tell Offline's queues from Online's is always right, and each other one
// fails where its idea does.
// Method: counts by hand. A HIP process has an internal compute queue, two SDMA queues and one
// compute queue for each stream: Offline (4 streams) 5 of compute, Online (1 stream) 2.
#include "experiments/identification.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "experiments/experiment.h"
#include "experiments/files_os.h"
#include "experiments/verdict.h"
#include "tests/experiments/worlds.h"

namespace gpreempt::experiments {
namespace {

using testing::find;
using testing::Kind;
using testing::number;

constexpr NamedQueue kA{.side = Side::kOffline, .pid = Pid(10), .id = 0};
constexpr NamedQueue kB{.side = Side::kOnline, .pid = Pid(11), .id = 0};

TEST(Confusion, AQueueOfTheOtherSideIsWrongAndMissed) {
  Identification found;
  found.claims = {{.side = Side::kOffline, .pid = Pid(10), .id = 0},
                  {.side = Side::kOffline, .pid = Pid(11), .id = 0}};
  const Confusion confusion = compare(found, {kA, kB}, {{Pid(10), 1}, {Pid(12), 0}});
  EXPECT_EQ(confusion.right, 1U);
  EXPECT_EQ(confusion.wrong, 1U);
  EXPECT_EQ(confusion.missed, 1U);
  EXPECT_EQ(confusion.abstained, 0U);
  EXPECT_EQ(confusion.left_out, 2U);
  EXPECT_FALSE(confusion.is_perfect());
  EXPECT_DOUBLE_EQ(confusion.recall(), 0.5);
}

TEST(Confusion, WhoSaysThatItCannotTellHasNotMissed) {
  Identification found;
  found.claims = {kA};
  found.abstained[Pid(11)] = "a reason";
  const Confusion confusion = compare(found, {kA, kB}, {});
  EXPECT_EQ(confusion.abstained, 1U);
  EXPECT_EQ(confusion.missed, 0U);
  EXPECT_FALSE(confusion.is_perfect());
}

TEST(Confusion, AClaimOnAStrangersQueueIsWrong) {
  Identification found;
  found.claims = {kA, {.side = Side::kOffline, .pid = Pid(12), .id = 0}};
  const Confusion confusion = compare(found, {kA}, {{Pid(12), 0}, {Pid(12), 1}});
  EXPECT_EQ(confusion.wrong, 1U);
  EXPECT_EQ(confusion.left_out, 1U);
  EXPECT_FALSE(confusion.is_perfect());
}

TEST(FilesOs, ListsTheNamesBelowAFolderOnce) {
  FilesOs files;
  files.put("/proc/7/comm", "a\n");
  files.put("/proc/7/status", "b\n");
  files.put("/proc/70/comm", "c\n");
  files.put_link("/proc/self", "7");
  EXPECT_EQ(files.list_dir("/proc").value(), (std::vector<std::string>{"7", "70", "self"}));
  EXPECT_EQ(files.list_dir("/proc/7").value(), (std::vector<std::string>{"comm", "status"}));
  EXPECT_FALSE(files.list_dir("/sys"));
  EXPECT_FALSE(files.read_file("/proc/7"));
  EXPECT_FALSE(files.open_pidfd(Pid(7)));
}

struct Expected {
  std::string_view strategy_and_world;
  double right = 0;
  double wrong = 0;
  double missed = 0;
  double abstained = 0;
};

void expect(const std::vector<Verdict>& verdicts, const Expected& expected) {
  const Verdict verdict =
      find(verdicts, fmt::format("identification/{}", expected.strategy_and_world));
  EXPECT_EQ(number(verdict, "right"), expected.right) << verdict.name << ": " << verdict.reason;
  EXPECT_EQ(number(verdict, "wrong"), expected.wrong) << verdict.name << ": " << verdict.reason;
  EXPECT_EQ(number(verdict, "missed"), expected.missed) << verdict.name << ": " << verdict.reason;
  EXPECT_EQ(number(verdict, "abstained"), expected.abstained)
      << verdict.name << ": " << verdict.reason;
}

class IdentificationTest : public ::testing::TestWithParam<Kind> {
 protected:
  static std::vector<Verdict> ask() {
    return testing::run("identification", testing::setting_of(GetParam()));
  }
};
INSTANTIATE_TEST_SUITE_P(Worlds, IdentificationTest, ::testing::Values(Kind::kSim, Kind::kVkfd),
                         [](const auto& world) { return testing::name_of(world.param); });

TEST_P(IdentificationTest, EachStrategyFailsWhereItsIdeaDoesAndTheDefaultNowhere) {
  const std::vector<Verdict> verdicts = ask();
  // 2 x 5 + 2 x 2, 8 x 5 + 8 x 2, five times 5 + 2, and a queue more on a second GPU.
  expect(verdicts, {.strategy_and_world = "snapshot", .right = 113});
  EXPECT_EQ(find(verdicts, "identification/snapshot").answer, Answer::kMet);
  EXPECT_EQ(find(verdicts, "identification/harmless").answer, Answer::kMet);
  // A launcher has no queues; its workers are what is meant.
  expect(verdicts, {.strategy_and_world = "pid/forked-workers", .missed = 14});
  expect(verdicts, {.strategy_and_world = "pid/tp8", .missed = 56});
  // The pid that Offline has in its container is Online's outside.
  expect(verdicts, {.strategy_and_world = "pid/containers", .wrong = 2, .missed = 7});
  expect(verdicts, {.strategy_and_world = "pid/same-priority", .abstained = 7});
  expect(verdicts, {.strategy_and_world = "pid/multi-gpu", .right = 8});
  // One worker of four was started with a tag.
  expect(verdicts, {.strategy_and_world = "tag/forked-workers", .right = 5, .abstained = 9});
  expect(verdicts, {.strategy_and_world = "tag/same-priority", .right = 7});
  expect(verdicts, {.strategy_and_world = "runtime-log/containers", .abstained = 7});
  expect(verdicts, {.strategy_and_world = "brute-force/containers", .abstained = 7});
}

TEST_P(IdentificationTest, NumbersThatAreNoKeysWouldMislead) {
  const std::vector<Verdict> verdicts = ask();
  // The runtime counts 1 to 4 and 1. KFD's ids are 0, 3 to 6 and 0, 3: two SDMA queues are between.
  const Verdict log = find(verdicts, "identification/runtime-log/containers");
  EXPECT_EQ(number(log, "without_key"), 5);
  EXPECT_EQ(number(log, "misleading"), 3);
  // 0 to 10 for each of four processes, two of which only start the others: 5 and 2 are ids.
  const Verdict guesses = find(verdicts, "identification/brute-force/containers");
  EXPECT_EQ(number(guesses, "without_key"), 44);
  EXPECT_EQ(number(guesses, "misleading"), 37);
}

TEST_P(IdentificationTest, WhatNeedsDescriptorsIsRightOnlyUnderItsConditions) {
  const std::vector<Verdict> verdicts = ask();
  if (GetParam() == Kind::kSim) {
    // This world shows no mqds.
    expect(verdicts, {.strategy_and_world = "priority", .abstained = 113});
    expect(verdicts, {.strategy_and_world = "doorbell", .abstained = 113});
    return;
  }
  // HIP's default priority is 7, which is neither side's.
  expect(verdicts, {.strategy_and_world = "priority/same-priority", .missed = 7});
  // A priority is set on user queues; the internal one of each process keeps 7.
  expect(verdicts, {.strategy_and_world = "priority/hip-priorities", .right = 5, .missed = 2});
  expect(verdicts, {.strategy_and_world = "doorbell/tp8", .right = 56});
  expect(verdicts, {.strategy_and_world = "doorbell/id-reuse", .right = 2, .abstained = 5});
  expect(verdicts, {.strategy_and_world = "doorbell/ids-from-pid", .abstained = 7});
  expect(verdicts, {.strategy_and_world = "doorbell/multi-gpu", .right = 2, .abstained = 6});
}

}  // namespace
}  // namespace gpreempt::experiments
