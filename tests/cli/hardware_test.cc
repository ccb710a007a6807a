// Goal: `gpreempt validate-hardware` runs the plan's counts, judges by its limits and says what it
// did not run. Method: checks on the models without an engine; counts from closed forms.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "backends/sim/sim_testbed.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "cli/exit_code.h"
#include "cli/hardware_check.h"
#include "cli/hardware_gates.h"
#include "cli/hardware_report.h"
#include "cli/hardware_verdicts.h"
#include "cli/machine_choice.h"
#include "cli/metrics.h"
#include "cli/verdict_folder.h"
#include "core/error.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/verdict.h"
#include "tests/cli/executable.h"

namespace gpreempt::cli {
namespace {

using experiments::Answer;
using experiments::Verdict;

/// Runs one check, on a model unless the campaign opens something else.
std::vector<Verdict> verdicts_of(const std::string& id, Campaign campaign = {}) {
  sim::PlainTimeline timeline;
  campaign.machine = machine_of(campaign.backend).value();
  if (!campaign.open) {
    campaign.open = [&](const sim::SystemOptions& options) -> Result<std::unique_ptr<Testbed>> {
      return sim::open_sim_testbed(timeline, options);
    };
  }
  const auto checks = choose_checks(std::vector<std::string>{id});
  if (!checks) {
    ADD_FAILURE() << checks.error().what;
    return {};
  }
  const auto verdicts = run_check(*checks->front(), campaign);
  if (!verdicts) {
    ADD_FAILURE() << verdicts.error().what;
    return {};
  }
  return *verdicts;
}

Campaign full_campaign() {
  Campaign campaign;
  campaign.full = true;
  campaign.exclusive_hive = true;
  return campaign;
}

Verdict verdict_of(const std::vector<Verdict>& verdicts, std::string_view name) {
  const auto found = std::ranges::find(verdicts, name, &Verdict::name);
  if (found == verdicts.end()) {
    ADD_FAILURE() << "no verdict " << name;
    return {};
  }
  return *found;
}

double value_of(const Verdict& verdict) {
  const double* const value = std::get_if<double>(&verdict.value);
  EXPECT_NE(value, nullptr) << verdict.name;
  return value == nullptr ? NAN : *value;
}

double number_of(const Verdict& verdict, std::string_view key) {
  for (const auto& [name, value] : verdict.numbers) {
    if (name == key) {
      return value;
    }
  }
  ADD_FAILURE() << verdict.name << " has no number " << key;
  return NAN;
}

TEST(HardwareCounts, TenMinutesOfOneRequestEvery100MsAre6000) {
  const auto verdicts = verdicts_of("T-2", full_campaign());
  const Verdict requests = verdict_of(verdicts, "T-2/requests");
  EXPECT_EQ(value_of(requests), 600 / 0.1);
  EXPECT_EQ(requests.answer, Answer::kMet);
  EXPECT_EQ(number_of(verdict_of(verdicts, "T-2/trouble"), "suspends"), 6000);
}

TEST(HardwareCounts, AnHourOfGapsOf1To10SHasAsManyRequestsAsTheirMeanSays) {
  const Verdict requests = verdict_of(verdicts_of("T-6", full_campaign()), "T-6/requests");
  // Renewal process: 3600/5.5 = 654.5 requests; a gap's relative variance is 81/12 / 5.5^2, that is
  // 0.2231, and the count's variance 654.5 x 0.2231, so 4 deviations are 48.3.
  EXPECT_NEAR(value_of(requests), 654.5, 48.3);
  EXPECT_EQ(requests.answer, Answer::kMet);
}

TEST(HardwareCounts, StressHasARequestEvery10Ms) {
  Campaign campaign;
  campaign.exclusive_hive = true;
  EXPECT_EQ(value_of(verdict_of(verdicts_of("T-7", std::move(campaign)), "T-7/requests")),
            30 / 0.01);
}

TEST(HardwareCounts, CasesAloneHaveTheKernelsThatTheirLogsHad) {
  const auto verdicts = verdicts_of("T-12", full_campaign());
  EXPECT_NEAR(value_of(verdict_of(verdicts, "T-12/case-a-alone")), 127'099, 1);
  EXPECT_NEAR(value_of(verdict_of(verdicts, "T-12/case-b-alone")), 261'809, 1);
}

TEST(HardwareCounts, CasesInTheQuickProfileHaveATenthOfThem) {
  for (const Verdict& verdict : verdicts_of("T-12")) {
    if (verdict.name == "T-12/case-a-alone") {
      EXPECT_NEAR(value_of(verdict), 12'709.9, 67);  // of a request's kernels all or none
      EXPECT_EQ(verdict.answer, Answer::kMet);
    } else if (verdict.name == "T-12/case-b-alone") {
      EXPECT_NEAR(value_of(verdict), 26'180.9, 1);
      EXPECT_EQ(verdict.answer, Answer::kMet);
    }
  }
}

TEST(HardwareCounts, RankOfTheEightGpuEngineHasTenQueues) {
  Campaign campaign;
  campaign.exclusive_hive = true;
  const Verdict queues =
      verdict_of(verdicts_of("T-13", std::move(campaign)), "T-13/queues-of-a-rank");
  EXPECT_EQ(number_of(queues, "places"), 8);
  EXPECT_EQ(number_of(queues, "total"), 80);  // as counted on the author's machine
}

// The kit gives the quick profile 25 minutes, and starting processes on a GPU takes some, too.
TEST(HardwareProfile, QuickTakesLessThanTwentyMinutesOfAGpu) {
  sim::PlainTimeline timeline;
  Campaign campaign;
  campaign.exclusive_hive = true;
  campaign.machine = machine_of(campaign.backend).value();
  Duration used{};  // of the worlds before: each begins at zero
  campaign.open = [&](const sim::SystemOptions& options) -> Result<std::unique_ptr<Testbed>> {
    used += timeline.now() - Instant{};
    return sim::open_sim_testbed(timeline, options);
  };
  for (const HardwareCheck& check : hardware_checks()) {
    ASSERT_TRUE(run_check(check, campaign)) << check.id;
  }
  used += timeline.now() - Instant{};
  RecordProperty("used_s", std::to_string(std::chrono::duration<double>(used).count()));
  EXPECT_GT(used, std::chrono::minutes(5));
  EXPECT_LT(used, std::chrono::minutes(20));
}

TEST(HardwareProfile, ShorterRunSaysByHowMuchAndAFullOneIsNone) {
  const auto scaled = [](const Verdict& verdict) {
    const auto fact = std::ranges::find(
        verdict.facts, "scaled", [](const auto& each) { return std::string_view(each.first); });
    return fact == verdict.facts.end() ? std::string() : std::string(fact->second);
  };
  const auto quick = verdicts_of("T-6");
  EXPECT_EQ(scaled(quick.front()),
            "quick: a run lasts 120 s and not the plan's 3600 s, 30 times shorter");
  EXPECT_NE(hardware_text(quick, Gates()).find("30 times shorter"), std::string::npos);
  EXPECT_EQ(scaled(verdicts_of("T-6", full_campaign()).front()), "");
  EXPECT_EQ(scaled(verdicts_of("T-3").front()), "");
}

TEST(HardwareChecks, CoverThePlan) {
  for (int number = 1; number <= 18; ++number) {
    const std::string id = "T-" + std::to_string(number);
    EXPECT_TRUE(choose_checks(std::vector<std::string>{id})) << id;
  }
}

TEST(HardwareChecks, EveryOtherOneMeetsItsLimitsOnTheModel) {
  for (const char* id : {"T-1", "T-3", "T-5", "T-8", "T-10", "T-14", "T-15", "T-17", "T-18",
                         "SCN-9-tenants", "SCN-9-video"}) {
    for (const Verdict& verdict : verdicts_of(id)) {
      EXPECT_NE(verdict.answer, Answer::kMissed) << verdict.name << ": " << verdict.reason;
    }
  }
}

// The documents ask for 1 ms, then for 0.5 and 0.3.
TEST(HardwareChecks, BatchUnmapIsHeldAgainstTheDocumentsGrades) {
  const Verdict unmap = verdict_of(verdicts_of("T-9"), "T-9/batch-unmap");
  EXPECT_EQ(number_of(unmap, "gate_ns"), 1e6);
  EXPECT_EQ(number_of(unmap, "goal_ns"), 0.5e6);
  EXPECT_EQ(number_of(unmap, "stretch_ns"), 0.3e6);
  EXPECT_EQ(unmap.basis, experiments::Basis::kAssumed);
}

// A request of 10 ms every 100 ms beside work without an end, neither of which waits.
TEST(HardwareChecks, UtilisationIsThatOfTheTwoQueues) {
  const auto verdicts = verdicts_of("T-11");
  const Verdict utilisation = verdict_of(verdicts, "T-11/utilisation");
  EXPECT_NEAR(number_of(utilisation, "online_suspend"), 0.1, 0.005);
  EXPECT_NEAR(number_of(utilisation, "online_no_scheduler"), 0.1, 0.005);
  EXPECT_NEAR(number_of(utilisation, "offline_alone"), 1, 0.02);
  // What Online takes, and what ten suspends and resumes a second cost, is gone.
  EXPECT_LT(number_of(utilisation, "offline_suspend"), 0.9);
  EXPECT_NEAR(number_of(utilisation, "offline_suspend"),
              number_of(utilisation, "offline_alone") *
                  number_of(verdict_of(verdicts, "T-11/suspend"), "offline_throughput"),
              1e-6);
  for (const char* row : {"alone", "no-scheduler", "hardware-priority", "suspend"}) {
    const Verdict verdict = verdict_of(verdicts, std::string("T-11/") + row);
    EXPECT_GE(number_of(verdict, "sd_ns"), 0) << row;
    EXPECT_GT(number_of(verdict, "mean_ns"), 0) << row;
  }
}

// Ids are the lowest free ones of a process, so that processes alike have the same ones.
TEST(HardwareChecks, CasesHaveTheSameQueueIdsAndShareKernelsAsTheirTimesSay) {
  const auto verdicts = verdicts_of("T-12");
  const Verdict sets = verdict_of(verdicts, "T-12/queue-sets");
  EXPECT_EQ(number_of(sets, "overlap"), 1);
  EXPECT_EQ(number_of(sets, "keys_overlap"), 0);
  EXPECT_GT(number_of(sets, "a"), 0);
  EXPECT_EQ(number_of(sets, "a"), number_of(sets, "b"));
  // 67 kernels in 56.6 ms, then a pause of 56 ms in which B makes one in 939 us, for 10.737 s.
  const Verdict gaps = verdict_of(verdicts, "T-12/kernels-before-with-gaps");
  constexpr double kRequests = 10.737 / (0.0566 + 0.056);
  EXPECT_NEAR(number_of(gaps, "a_kernels"), kRequests * 67, 0.05 * kRequests * 67);
  EXPECT_NEAR(number_of(gaps, "b_kernels"), kRequests * 56 / 0.939463,
              0.05 * kRequests * 56 / 0.939463);
}

TEST(HardwareChecks, FirstPreemptionIsToldApartFromTheNineteenAfterIt) {
  const auto verdicts = verdicts_of("T-16");
  const Verdict first = verdict_of(verdicts, "T-16/first-preemption");
  const Verdict others = verdict_of(verdicts, "T-16/preemptions-after-the-first");
  // On a host that has not touched its save areas before, the first one is the slowest.
  EXPECT_GT(number_of(first, "p99_ns"), number_of(others, "max_ns"));
  double counted = 0;
  for (const auto& [key, value] : others.numbers) {
    counted += key.starts_with(experiments::kBinKey) ? value : 0;
  }
  EXPECT_EQ(counted, 19);
}

TEST(HardwareChecks, BacklogOfAWorldWithoutRegistersIsUnavailable) {
  const Verdict backlog = verdict_of(verdicts_of("T-17"), "T-17/backlog");
  EXPECT_EQ(backlog.answer, Answer::kUnavailable);
  EXPECT_NE(backlog.reason, "");
}

#ifdef GPREEMPT_CLI_HAS_VKFD
/// T-17's backlog on the virtual driver, under that limit.
nlohmann::json backlog_under(const std::string& limit, int exit_code) {
  const testing::Finished run = testing::gpreempt(
      "validate-hardware --backend vkfd --only T-17 --format json --gate backlog=" + limit);
  EXPECT_EQ(run.exit_code, exit_code) << run.err;
  const auto document = nlohmann::json::parse(run.out);
  for (const auto& each : document["results"]) {
    if (each["name"] == "T-17/backlog") {
      return each;
    }
  }
  ADD_FAILURE() << "no verdict T-17/backlog";
  return {};
}

TEST(HardwareChecks, BacklogIsReadFromTheVirtualDriversRegisters) {
  const nlohmann::json met = backlog_under("99", 0);
  EXPECT_EQ(met["verdict"], "met");
  EXPECT_EQ(met["evidence"], "assumed");
  EXPECT_EQ(met["numbers"]["value"], 1);   // the packet of the kernel that runs
  EXPECT_EQ(met["numbers"]["rings"], 11);  // one queue, and the ten that were made later
  EXPECT_EQ(backlog_under("0.5", 1)["verdict"], "missed");
}
#endif

TEST(HardwareChecks, OneThatNeedsTheHiveIsSkippedWithoutItAndSaysSo) {
  const auto verdicts = verdicts_of("T-13");
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts.front().answer, Answer::kUnavailable);
  EXPECT_TRUE(verdicts.front().reason.starts_with(kSkipped)) << verdicts.front().reason;
  EXPECT_NE(verdicts.front().reason.find("--exclusive-hive"), std::string::npos);
}

TEST(HardwareChecks, WorldThatCannotBeHadIsUnavailableWithItsReason) {
  Campaign campaign;
  campaign.open = [](const sim::SystemOptions& /*options*/) -> Result<std::unique_ptr<Testbed>> {
    return fail(Errc::kNoSuchDevice, "open a GPU: there is none");
  };
  const auto verdicts = verdicts_of("T-1", std::move(campaign));
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts.front().answer, Answer::kUnavailable);
  EXPECT_EQ(verdicts.front().reason, "open a GPU: there is none");
}

TEST(HardwareChecks, NothingIsAskedOfAGpuThatHasFailed) {
  Campaign campaign;
  campaign.machine = machine_of(campaign.backend).value();
  campaign.open = [](const sim::SystemOptions& /*options*/) -> Result<std::unique_ptr<Testbed>> {
    return fail(Errc::kHardwareFailure, "suspend on queue 3: the driver answered error");
  };
  const auto checks = choose_checks(std::vector<std::string>{"T-1", "T-3"});
  ASSERT_TRUE(checks) << checks.error().what;
  const auto verdicts = run_checks(*checks, campaign);
  ASSERT_TRUE(verdicts) << verdicts.error().what;
  ASSERT_EQ(verdicts->size(), 2U);
  EXPECT_EQ(verdicts->front().name, "T-1/all");
  EXPECT_EQ(verdicts->front().answer, Answer::kMissed);
  EXPECT_EQ(verdicts->front().reason, "suspend on queue 3: the driver answered error");
  EXPECT_EQ(verdicts->back().name, "T-3/all");
  EXPECT_EQ(verdicts->back().answer, Answer::kUnavailable);
  EXPECT_TRUE(verdicts->back().reason.starts_with("not run: ")) << verdicts->back().reason;
  // As an error of its own would end the command: a script must not go on.
  EXPECT_EQ(exit_code_of(*verdicts), ExitCode::kEnvironment);
}

TEST(HardwareChecks, SuspendThatIsSlowerThanItsLimitIsMissed) {
  Campaign campaign;
  EXPECT_TRUE(campaign.gates.set("suspend-p99=1us"));
  const auto verdicts = verdicts_of("T-4", std::move(campaign));
  EXPECT_EQ(verdict_of(verdicts, "T-4/suspend").answer, Answer::kMissed);
  EXPECT_EQ(verdict_of(verdicts, "T-4/resume").answer, Answer::kMet);
}

TEST(HardwareChecks, UnknownOneIsRefusedWithTheNearest) {
  const auto checks = choose_checks(std::vector<std::string>{"T-19"});
  ASSERT_FALSE(checks);
  EXPECT_NE(checks.error().what.find("did you mean 'T-"), std::string::npos) << checks.error().what;
}

TEST(HardwareGates, DefaultsAreTheReconciledNumbers) {
  const Gates gates;
  EXPECT_EQ(gates.get("online").value, 50e6);
  EXPECT_EQ(gates.get("online-goal").value, 10e6);
  EXPECT_EQ(gates.get("suspend-p99").value, 5e6);
  EXPECT_EQ(gates.get("resume-p99").value, 5e6);
  EXPECT_EQ(gates.get("loss").value, 0.2);
  EXPECT_EQ(gates.get("loss-goal").value, 0.1);
  EXPECT_EQ(gates.get("loss-stretch").value, 0.05);
}

TEST(HardwareGates, IsSetInItsOwnUnit) {
  Gates gates;
  EXPECT_TRUE(gates.set("suspend-p99=3ms"));
  EXPECT_TRUE(gates.set("loss=15%"));
  EXPECT_TRUE(gates.set("slowdown=1.1"));
  EXPECT_EQ(gates.get("suspend-p99").value, 3e6);
  EXPECT_DOUBLE_EQ(gates.get("loss").value, 0.15);
  EXPECT_DOUBLE_EQ(gates.get("slowdown").value, 1.1);
}

TEST(HardwareGates, WhatIsNoLimitIsRefused) {
  for (const char* text :
       {"suspend-p99", "suspend-p99=", "suspend-p99=5", "suspend-p99=0s", "loss=20", "loss=120%",
        "slowdown=fast", "slowdown=-1", "slowdown=nan", "suspend=5ms", "=5ms", ""}) {
    const auto set = Gates().set(text);
    ASSERT_FALSE(set) << text;
    EXPECT_EQ(set.error().code, Errc::kInvalidArgument);
    EXPECT_TRUE(set.error().what.starts_with("reading --gate '")) << set.error().what;
  }
}

TEST(HardwareVerdict, LimitItselfIsStillMet) {
  const Gate gate{.name = "g", .unit = GateUnit::kTime, .value = 5e6, .meaning = ""};
  EXPECT_EQ(at_most("a", 5e6, gate, "").answer, Answer::kMet);
  EXPECT_EQ(at_most("a", 5e6 + 1, gate, "").answer, Answer::kMissed);
  EXPECT_EQ(at_least("a", 5e6, gate, "").answer, Answer::kMet);
  EXPECT_EQ(at_least("a", 5e6 - 1, gate, "").answer, Answer::kMissed);
  EXPECT_EQ(at_most("a", INFINITY, gate, "").answer, Answer::kMissed);
}

TEST(HardwareVerdict, DeviationIsThatOfASample) {
  std::vector<std::pair<std::string, double>> numbers;
  // Squares of the deviations sum to 32.
  add_spread(numbers, "", spread_of({2, 4, 4, 4, 5, 5, 7, 9}));
  ASSERT_EQ(numbers.size(), 6U);
  EXPECT_EQ(numbers[4], std::pair(std::string("mean_ns"), 5.0));
  EXPECT_EQ(numbers[5].first, "sd_ns");
  EXPECT_DOUBLE_EQ(numbers[5].second, std::sqrt(32.0 / 7));
}

}  // namespace
}  // namespace gpreempt::cli
