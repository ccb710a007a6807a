// Goal: the report of the proof of concept says what the evidence says, on which basis, and what is
// missing; it recommends by the thresholds of the documents.
// Method: verdicts made by hand, and the thresholds: suspend 3 and 10 ms, Online 30 and 50 ms, loss
// 10 and 20 %.
#include "experiments/poc_report.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "experiments/poc_decision.h"
#include "experiments/poc_evidence.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

constexpr double kMs = 1e6;

SourcedVerdict sourced(std::string name, std::vector<std::pair<std::string, double>> numbers,
                       Basis basis = Basis::kSimulated) {
  return {.verdict = {.name = std::move(name),
                      .value = {},
                      .expected = {},
                      .answer = Answer::kMet,
                      .reason = "because",
                      .confidence = {},
                      .basis = basis,
                      .backend = "vkfd",
                      .numbers = std::move(numbers),
                      .facts = {}},
          .source = "verdicts.json"};
}

PocEvidence of(std::vector<SourcedVerdict> verdicts) {
  PocEvidence evidence;
  evidence.verdicts = std::move(verdicts);
  return evidence;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(PocDecision, TheLimitsThemselvesAreInTheMiddle) {
  struct Case {
    double ms = 0;
    Step step = Step::kMissing;
  };
  for (const Case& each : {Case{2.99, Step::kKeep}, Case{3, Step::kConsider},
                           Case{10, Step::kConsider}, Case{10.01, Step::kUpgrade}}) {
    const auto decisions = decide(of({sourced("T-4/suspend", {{"mean_ns", each.ms * kMs}})}));
    EXPECT_EQ(decisions.at(0).step, each.step) << each.ms;
    EXPECT_EQ(decisions.at(1).step, Step::kMissing);
    EXPECT_EQ(recommend(decisions), each.step);
  }
  for (const Case& each : {Case{29, Step::kKeep}, Case{30, Step::kConsider},
                           Case{50, Step::kConsider}, Case{51, Step::kUpgrade}}) {
    const auto decisions = decide(of({sourced("T-5/online-p99", {{"value_ns", each.ms * kMs}})}));
    EXPECT_EQ(decisions.at(1).step, each.step) << each.ms;
  }
  for (const Case& each : {Case{0.09, Step::kKeep}, Case{0.1, Step::kConsider},
                           Case{0.2, Step::kConsider}, Case{0.21, Step::kUpgrade}}) {
    const auto decisions = decide(of({sourced("T-5/offline-loss", {{"value", each.ms}})}));
    EXPECT_EQ(decisions.at(2).step, each.step) << each.ms;
  }
}

TEST(PocDecision, TheStrictestQuantityDecides) {
  const auto decisions = decide(of({sourced("T-4/suspend", {{"mean_ns", 1 * kMs}}),
                                    sourced("T-5/online-p99", {{"value_ns", 20 * kMs}}),
                                    sourced("T-5/offline-loss", {{"value", 0.5}})}));
  EXPECT_EQ(recommend(decisions), Step::kUpgrade);
}

TEST(PocDecision, WhatWasMeasuredCountsBeforeWhatWasSimulated) {
  const auto decisions =
      decide(of({sourced("T-4/suspend", {{"mean_ns", 20 * kMs}}),
                 sourced("T-4/suspend", {{"mean_ns", 2 * kMs}}, Basis::kMeasured),
                 sourced("T-4/suspend", {{"mean_ns", 2.5 * kMs}}, Basis::kMeasured)}));
  EXPECT_EQ(decisions.at(0).basis, Basis::kMeasured);
  EXPECT_EQ(decisions.at(0).value, 2.5 * kMs);  // the worst of these
}

TEST(PocDecision, AMeanOfPartsIsTheirSum) {
  const auto decisions = decide(of({sourced("suspend-latency/full/4-queues/1-gpu/grace-default",
                                            {{"p99_ns", 9 * kMs},
                                             {"mean_save_ns", 3 * kMs},
                                             {"mean_map_ns", 0.5 * kMs},
                                             {"mean_outside_driver_ns", 0.25 * kMs},
                                             {"mean_saved_bytes", 1e9}})}));
  EXPECT_EQ(decisions.at(0).value, 3.75 * kMs);
}

TEST(PocDecision, AnOnlineLatencyUnderPolicySuspendIsNoSuspend) {
  const auto decisions = decide(of({sourced("T-11/suspend", {{"mean_ns", 20 * kMs}}),
                                    sourced("T-4/suspend", {{"mean_ns", 1 * kMs}})}));
  EXPECT_EQ(decisions.at(0).value, 1 * kMs);
}

TEST(PocDecision, OnlinesOwnShareIsNoLossButAtTheLoadOfTheProofOfConcept) {
  const std::vector<std::pair<std::string, double>> loss = {{"value", 0.25}, {"overhead", 0.01}};
  EXPECT_EQ(decide(of({sourced("T-2/offline-loss", loss)})).at(2).value, 0.01);
  EXPECT_EQ(decide(of({sourced("T-5/offline-loss", loss)})).at(2).value, 0.25);
  // Where Online's own share is not known, neither is what preemption adds.
  EXPECT_EQ(decide(of({sourced("T-2/offline-loss", {{"value", 0.25}})})).at(2).step,
            Step::kMissing);
  PocEvidence runs;
  runs.runs = {{.source = "summary.json",
                .scenario = "default",
                .policy = "suspend",
                .offline_loss = 0.25,
                .offline_overhead = 0.01}};
  EXPECT_EQ(decide(runs).at(2).value, 0.01);
  runs.runs.front().scenario = "poc-load";
  EXPECT_EQ(decide(runs).at(2).value, 0.25);
}

TEST(PocDecision, RunsCountWhereStageOneWasAtWork) {
  PocEvidence evidence;
  evidence.runs = {{.source = "summary.json", .policy = "none", .online_p99 = 900 * kMs},
                   {.source = "summary.json",
                    .policy = "suspend",
                    .online_p99 = 40 * kMs,
                    .offline_loss = 0.05}};
  const auto decisions = decide(evidence);
  EXPECT_EQ(decisions.at(1).step, Step::kConsider);
  EXPECT_EQ(decisions.at(2).step, Step::kKeep);
}

TEST(PocReport, WithoutEvidenceItRecommendsNothingAndNamesWhatIsMissing) {
  const std::string text = poc_markdown(poc_report({}));
  EXPECT_TRUE(has(text, "There is no recommendation"));
  EXPECT_TRUE(has(text, "| mean of a steady suspend | missing |"));
  EXPECT_TRUE(has(text, "There is no verdict"));
  EXPECT_TRUE(has(text, "anything measured on a GPU"));
  EXPECT_FALSE(has(text, "(measured)"));
  EXPECT_FALSE(has(text, "(simulated)"));
}

TEST(PocReport, SimulatedEvidenceIsNeverCalledMeasured) {
  const std::string text = poc_markdown(poc_report(of({sourced(
      "T-4/suspend",
      {{"mean_ns", 1 * kMs}, {"p50_ns", 1 * kMs}, {"p99_ns", 2 * kMs}, {"max_ns", 4 * kMs}})})));
  EXPECT_TRUE(has(text, "keep stage 1: the strictest of what is known decides. (simulated)"));
  EXPECT_TRUE(has(text,
                  "Not known, and able to change this: Online end to end, p99, Offline's "
                  "loss of work. (missing)"));
  EXPECT_FALSE(has(text, "(measured)"));
  // Of a maximum of 4 ms with 50 columns: 2 ms take 25.
  EXPECT_TRUE(has(text, "p99 " + std::string(25, '#') + " 2 ms\n")) << text;
}

TEST(PocReport, AMeasuredRecommendationIsWeakenedByAnAssumedPart) {
  const PocReport report =
      poc_report(of({sourced("T-4/suspend", {{"mean_ns", 1 * kMs}}, Basis::kMeasured),
                     sourced("T-5/offline-loss", {{"value", 0.01}}, Basis::kAssumed)}));
  EXPECT_TRUE(has(poc_markdown(report), "decides. (assumed)"));
}

TEST(PocReport, WhatIsMissedOrUnavailableIsAnIssue) {
  SourcedVerdict missed =
      sourced("T-2/online-p99", {{"value_ns", 60 * kMs}, {"gate_ns", 50 * kMs}});
  missed.verdict.answer = Answer::kMissed;
  SourcedVerdict absent = sourced("T-11/priority", {});
  absent.verdict.answer = Answer::kUnavailable;
  absent.verdict.reason = "no two GPUs";
  const std::string text = poc_markdown(poc_report(of({missed, absent})));
  EXPECT_TRUE(has(text, "| T-2/online-p99 | missed | because | simulated |"));
  EXPECT_TRUE(has(text, "| T-11/priority | unavailable | no two GPUs | missing |"));
  EXPECT_TRUE(has(text, "| T-2/online-p99 | 120 % |"));
}

TEST(PocReport, AHistogramHasABinForEachFactorOfTwo) {
  PocEvidence evidence;
  // 1024 to 2048 ns, none, 4096 to 8192 ns.
  evidence.latencies = {{.source = "requests.csv",
                         .what = "Online requests",
                         .basis = Basis::kSimulated,
                         .ns = {1024, 2047, 4096}}};
  const std::string text = poc_markdown(poc_report(evidence));
  EXPECT_TRUE(has(text, "1.02 us to 2.05 us " + std::string(50, '#') + " 2\n")) << text;
  EXPECT_TRUE(has(text, "2.05 us to 4.1 us  0\n")) << text;
  EXPECT_TRUE(has(text, "4.1 us to 8.19 us " + std::string(25, '#') + " 1\n")) << text;
}

TEST(PocReport, AReportedFigureIsInTheTableOfFunctionsAsOne) {
  SourcedVerdict reported = sourced("T-9/batch-unmap", {});
  reported.verdict.answer = Answer::kReported;
  reported.verdict.value = "773 us";
  EXPECT_TRUE(has(poc_markdown(poc_report(of({reported}))),
                  "| T-9/batch-unmap | reported | 773 us | - | simulated | vkfd | because |"));
}

TEST(PocReport, WhatHasNoResultIsLabelledMissing) {
  SourcedVerdict absent = sourced("T-17/driver-counters", {}, Basis::kNothing);
  absent.verdict.answer = Answer::kUnavailable;
  const std::string text = poc_markdown(poc_report(of({absent})));
  EXPECT_TRUE(has(text, "| missing | 0 | 0 | 0 | 0 | 0 | 0 | 1 |")) << text;
  EXPECT_TRUE(has(text, "| T-17/driver-counters | unavailable | - | - | missing | vkfd |"));
  EXPECT_FALSE(has(text, "none |"));
}

TEST(PocReport, LatenciesOfTheTestPlanComeFirstAndAreAllThere) {
  const std::vector<std::pair<std::string, double>> quantiles = {{"p50_ns", 1}, {"max_ns", 2}};
  std::vector<SourcedVerdict> verdicts;
  for (int i = 0; i < 40; ++i) {
    verdicts.push_back(sourced("suspend-latency/" + std::to_string(i), quantiles));
  }
  for (int i = 0; i < 40; ++i) {
    verdicts.push_back(sourced("T-10/" + std::to_string(i), quantiles));
  }
  verdicts.push_back(sourced("T-4/resume", quantiles));
  PocEvidence evidence = of(std::move(verdicts));
  evidence.latencies = {
      {.source = "requests.csv", .what = "Requests of a run", .basis = {}, .ns = {1}}};
  const std::string text = poc_markdown(poc_report(evidence));
  const auto at = [&](std::string_view title) { return text.find(title); };
  EXPECT_LT(at("T-4/resume (verdicts.json)"), at("T-10/0 (verdicts.json)"));
  EXPECT_LT(at("T-10/39 (verdicts.json)"), at("Requests of a run"));
  EXPECT_LT(at("Requests of a run"), at("suspend-latency/0 (verdicts.json)"));
  for (int i = 0; i < 40; ++i) {
    EXPECT_TRUE(has(text, "T-10/" + std::to_string(i) + " (verdicts.json)")) << i;
  }
  // Of 1 and 40 others 24 are shown.
  EXPECT_TRUE(has(text, "suspend-latency/22 (verdicts.json)"));
  EXPECT_FALSE(has(text, "suspend-latency/23 (verdicts.json)"));
  EXPECT_TRUE(has(text, "17 more histograms and sets of quantiles"));
}

TEST(PocReport, AHistogramInAVerdictIsDrawn) {
  // 2^20 ns = 1.048576 ms.
  const std::string text = poc_markdown(
      poc_report(of({sourced("T-4/suspend", {{"count_log2_19", 50}, {"count_log2_21", 100}}),
                     sourced("T-1/odd", {{"count_log2_x", 1}, {"count_log2_999", 1}})})));
  EXPECT_TRUE(has(text, "T-4/suspend (150 of them, verdicts.json) (simulated)")) << text;
  EXPECT_TRUE(has(text, "\n524 us to 1.05 ms " + std::string(25, '#') + " 50\n")) << text;
  EXPECT_TRUE(has(text, "1.05 ms to 2.1 ms  0\n")) << text;
  EXPECT_TRUE(has(text, "\n2.1 ms to 4.19 ms " + std::string(50, '#') + " 100\n")) << text;
  EXPECT_FALSE(has(text, "T-1/odd (")) << text;
}

TEST(PocReport, EverySetOfQuantilesIsNamedByTheBeginningOfItsKeys) {
  const std::string text = poc_markdown(poc_report(
      of({sourced("T-9/calls", {{"one_call_p50_ns", 1}, {"one_call_max_ns", 2}, {"p50_ns", 3}})})));
  EXPECT_TRUE(has(text, "T-9/calls, one call (verdicts.json)"));
  EXPECT_FALSE(has(text, "T-9/calls (verdicts.json)"));
}

TEST(PocReport, AGoalStandsBesideTheLimitOfWhatIsMet) {
  SourcedVerdict met = sourced("T-2/online-p99", {{"value_ns", 12 * kMs}, {"gate_ns", 50 * kMs}});
  met.verdict.value = "12 ms";
  met.verdict.expected = "at most 50 ms";
  met.verdict.facts = {{"gate", "online"}, {"goal", "10 ms: not met"}};
  const std::string text = poc_markdown(poc_report(of({met})));
  EXPECT_TRUE(has(
      text, "| T-2/online-p99 | met | 12 ms | at most 50 ms; goal 10 ms: not met | simulated |"));
  EXPECT_TRUE(
      has(text, "| T-2/online-p99 | 24 % | 12 ms | at most 50 ms; goal 10 ms: not met | met |"));
}

TEST(PocReport, ThroughputOfTheTestsIsThereWithoutARun) {
  SourcedVerdict loss = sourced("T-5/offline-loss", {{"work_ns", 57e9}, {"alone_ns", 60e9}});
  loss.verdict.value = "5 %";
  loss.verdict.expected = "at most 20 %";
  const std::string text = poc_markdown(poc_report(of({loss, sourced("T-4/suspend", {})})));
  const std::size_t begin = text.find("## Test report: throughput");
  const std::string section = text.substr(begin, text.find("\n## ", begin) - begin);
  EXPECT_TRUE(has(section,
                  "| T-5/offline-loss | met | 5 % | at most 20 % | 57 s | 60 s | simulated | "
                  "vkfd |"))
      << section;
  EXPECT_FALSE(has(section, "T-4/suspend"));
}

TEST(PocReport, ATextCannotBreakOutOfItsPlace) {
  SourcedVerdict odd = sourced("T-1/x", {});
  odd.verdict.reason = "<script>a|b\n\"&\"</script>";
  const PocReport report = poc_report(of({odd}));
  const std::string page = poc_html(report);
  EXPECT_TRUE(has(page, "&lt;script&gt;a|b\n&quot;&amp;&quot;&lt;/script&gt;"));
  EXPECT_FALSE(has(page, "<script"));
  EXPECT_TRUE(has(poc_markdown(report), "\\<script>a\\|b \"&\"\\</script>"));
}

TEST(PocReport, ThePageAsksTheNetworkForNothing) {
  const std::string page =
      poc_html(poc_report(of({sourced("T-4/suspend", {{"p50_ns", 1}, {"max_ns", 2}})})));
  for (const char* const word : {"http:", "https:", "src=", "href=", "@import", "url("}) {
    EXPECT_FALSE(has(page, word)) << word;
  }
  EXPECT_TRUE(has(page, "<svg"));
  EXPECT_TRUE(page.ends_with("</body></html>\n"));
}

TEST(PocEvidence, ReadsBackWhatVerdictsDocumentWrites) {
  Verdict verdict = sourced("a/b", {{"p99_ns", 12.5}, {"count", 3}}).verdict;
  verdict.value = 1.5;
  verdict.expected = "yes";
  verdict.answer = Answer::kNotResolvable;
  verdict.confidence = 0.95;
  verdict.facts = {{"driver", "dkms"}};
  const auto read =
      read_verdicts(verdicts_document("experiment", {.backend = "vkfd"}, {verdict}), "f");
  ASSERT_TRUE(read) << read.error().what;
  ASSERT_EQ(read->size(), 1U);
  EXPECT_EQ(read->front().source, "f");
  EXPECT_EQ(to_json(read->front().verdict), to_json(verdict));
}

TEST(PocEvidence, ReadsARunsSummary) {
  const auto read = read_run_results(
      R"({"schema":1,"scenario":"s","backend":"sim","statement":"simulated","results":[
        {"policy":"suspend","online":{"requests":5,"latency_ns":{"p50":1,"p99":2,"max":null}},
         "offline":{"loss":0.25},"preemptions":{"suspend":4,
         "steady_suspend_latency_ns":{"p50":7,"p99":9}}}]})",
      "f");
  ASSERT_TRUE(read) << read.error().what;
  ASSERT_EQ(read->size(), 1U);
  const RunResult& run = read->front();
  EXPECT_EQ(run.policy, "suspend");
  EXPECT_EQ(run.requests, 5U);
  EXPECT_EQ(run.online_p99, 2);
  EXPECT_EQ(run.online_max, std::nullopt);
  EXPECT_EQ(run.offline_loss, 0.25);
  EXPECT_EQ(run.suspends, 4U);
  EXPECT_EQ(run.suspend_p99, 9);
}

TEST(PocEvidence, RefusesWhatIsNotSuchAFile) {
  const std::string result = R"({"schema":1,"results":[{"name":"a","verdict":"met")";
  for (const std::string& text :
       {std::string("no JSON"), std::string("[]"), std::string(R"({"schema":2,"results":[]})"),
        std::string(R"({"schema":1})"), std::string(R"({"schema":1,"results":[{}]})"),
        result + "}]}", result + R"(,"evidence":"believed"}]})",
        std::string(R"({"schema":1,"results":["a"]})")}) {
    const auto read = read_verdicts(text, "dir/verdicts.json");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Errc::kParse);
    EXPECT_TRUE(has(read.error().what, "dir/verdicts.json")) << read.error().what;
  }
  EXPECT_FALSE(read_run_results(R"({"schema":1,"statement":"x","results":[]})", "f"));
}

}  // namespace
}  // namespace gpreempt::experiments
