// Scenarios with closed loops and LLM engines, up to the programs made of them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "tests/unit/workloads/temporary_folder.h"
#include "workloads/compile.h"
#include "workloads/loader.h"
#include "workloads/scenario.h"
#include "workloads/work.h"

namespace gpreempt {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::string_view kLlm =
    "kind = \"llm\", max_batch = 4, max_prefill_tokens = 1000, kernels = 300, "
    "prefill = [[100, \"2ms\"], [1000, \"11ms\"]], decode = [[1, \"20ms\"], [4, \"24ms\"]], "
    "context_tokens = 500, output_tokens = 11";

std::string scenario_of(std::string_view more, std::string_view arrivals,
                        std::string_view request = kLlm) {
  return fmt::format(
      "schema = 1\nname = \"s\"\nrun = {{ duration = \"10s\" }}\n{}\n[[online]]\nname = \"llm\"\n"
      "priority = 15\narrivals = {{ {} }}\nrequest = {{ {} }}\n",
      more, arrivals, request);
}

Workload compiled(const std::string& text, const CompileOptions& options = {}) {
  const auto scenario = parse_scenario(text, "s.toml");
  if (!scenario) {
    ADD_FAILURE() << scenario.error().what;
    return {};
  }
  const auto workload = compile(*scenario, {.flops_fp16 = 344e12, .gpus = 1}, options);
  if (!workload) {
    ADD_FAILURE() << workload.error().what;
    return {};
  }
  return *workload;
}

std::string refusal(const std::string& text) {
  const auto scenario = parse_scenario(text, "s.toml");
  return scenario ? "accepted" : scenario.error().what;
}

TEST(Llm, RequestsCarryTheirTokens) {
  const Workload workload = compiled(scenario_of("", "kind = \"periodic\", rate = \"2/s\""));
  const Program& program = workload.programs.at(0);
  ASSERT_TRUE(program.serving);
  EXPECT_EQ(program.serving->max_batch, 4U);
  EXPECT_EQ(time_at(program.serving->decode, 2), Duration(21'333'333));
  ASSERT_EQ(program.arrivals.size(), 20U);
  EXPECT_EQ(program.arrivals.at(1).at, milliseconds(500));
  EXPECT_EQ(program.arrivals.at(1).prompt_tokens, 500U);
  EXPECT_EQ(program.arrivals.at(1).output_tokens, 11U);
  EXPECT_TRUE(program.trains.empty());
}

TEST(Llm, UtilisationIsThatOfFullBatches) {
  // A request: half of a full prefill's 11 ms, and 10 tokens at a quarter of 24 ms: 65.5 ms.
  const Workload workload = compiled(scenario_of("", "kind = \"periodic\", rate = \"2/s\""));
  EXPECT_NEAR(online_utilisation(workload), 0.131, 1e-6);
  // A short prompt alone is cheaper than its share of a full prefill is not: 2 ms against 1.1.
  Serving engine = *workload.programs.at(0).serving;
  EXPECT_EQ(llm_service(engine, 100, 1), microseconds(1100));
  EXPECT_EQ(llm_service(engine, 2000, 1), milliseconds(21));
}

TEST(Llm, TokensComeFromTheTrace) {
  const TemporaryFolder folder;
  const auto file = folder.write("t.csv",
                                 "TIMESTAMP,ContextTokens,GeneratedTokens\n"
                                 "2023-11-16 18:00:00.0000000,1155,44\n"
                                 "2023-11-16 18:00:02.0000000,100,7\n");
  std::string request(kLlm);
  request.replace(request.find("500"), 3, "\"from-trace\"");
  request.replace(request.find("output_tokens = 11"), 18, "output_tokens = \"from-trace\"");
  const Workload workload =
      compiled(scenario_of("", "kind = \"trace\", format = \"azure-llm-2023\"", request),
               {.seed = 1, .traces = {{"", file}}});
  const auto& arrivals = workload.programs.at(0).arrivals;
  ASSERT_EQ(arrivals.size(), 2U);
  EXPECT_EQ(arrivals.at(0).prompt_tokens, 1155U);
  EXPECT_EQ(arrivals.at(0).output_tokens, 44U);
  EXPECT_EQ(arrivals.at(1).output_tokens, 7U);
  EXPECT_THAT(refusal(scenario_of("", "kind = \"periodic\", rate = \"1/s\"", request)),
              HasSubstr("\"from-trace\" needs arrivals of kind \"trace\""));
}

TEST(Llm, PromptsAndOutputsAreDrawnFromStreamsOfTheirOwn) {
  std::string both(kLlm);
  both.replace(both.find("output_tokens = 11"), 18,
               "output_tokens = { kind = \"lognormal\", mean = 200, p99 = 800, max = 2000 }");
  std::string one = both;
  both.replace(both.find("context_tokens = 500"), 20,
               "context_tokens = { kind = \"lognormal\", mean = 1000, p99 = 4000, max = 9000 }");
  const auto outputs = [](const std::string& request) {
    std::vector<std::uint32_t> tokens;
    const Workload workload =
        compiled(scenario_of("", "kind = \"periodic\", rate = \"9/s\"", request));
    for (const Arrival& arrival : workload.programs.at(0).arrivals) {
      tokens.push_back(arrival.output_tokens);
    }
    return tokens;
  };
  EXPECT_EQ(outputs(one), outputs(both));
  EXPECT_GT(std::ranges::max(outputs(one)), std::ranges::min(outputs(one)));
}

TEST(Llm, IsRefusedWithAReason) {
  const std::string arrivals = "kind = \"periodic\", rate = \"1/s\"";
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string request(kLlm);
    request.replace(request.find(from), from.size(), to);
    return refusal(scenario_of("", arrivals, request));
  };
  EXPECT_THAT(with("[1000, \"11ms\"]", "[100, \"11ms\"]"), HasSubstr("sizes must rise"));
  EXPECT_THAT(with("[100, \"2ms\"]", "[100]"), HasSubstr("a pair like"));
  EXPECT_THAT(with("[100, \"2ms\"]", "[100, \"0ms\"]"), HasSubstr("0 is not allowed"));
  EXPECT_THAT(with("[[1, \"20ms\"], [4, \"24ms\"]]", "[]"), HasSubstr("at least one pair"));
  EXPECT_THAT(with("max_batch = 4", "max_batch = 0"), HasSubstr("out of range"));
  EXPECT_THAT(refusal("schema = 1\nname = \"s\"\nrun = { duration = \"1s\" }\n[[offline]]\n"
                      "name = \"t\"\npriority = 2\nstep = { " +
                      std::string(kLlm) + " }\n"),
              HasSubstr("give the tenant arrivals"));
}

TEST(SloMetric, NeedsTokens) {
  const std::string slo = "slo = { metric = \"ttft\", online_latency = [\"450ms\"] }";
  const std::string arrivals = "kind = \"periodic\", rate = \"1/s\"";
  EXPECT_EQ(refusal(scenario_of(slo, arrivals)), "accepted");
  EXPECT_EQ(parse_scenario(scenario_of(slo, arrivals), "s")->slo.metric, SloMetric::kTtft);
  EXPECT_THAT(
      refusal(scenario_of(slo, arrivals,
                          "kind = \"service\", distribution = \"constant\", mean = \"1ms\"")),
      HasSubstr("metric = \"ttft\" needs requests of kind \"llm\""));
}

TEST(ClosedLoop, IssuesOneKindOfRequestUntilTheDuration) {
  const Workload workload =
      compiled(scenario_of("", "kind = \"closed-loop\", clients = 3, think = \"40ms\"",
                           "kind = \"service\", distribution = \"constant\", mean = \"1ms\""));
  const Program& program = workload.programs.at(0);
  EXPECT_EQ(program.clients, 3U);
  EXPECT_EQ(program.issue_until, seconds(10));
  ASSERT_EQ(program.arrivals.size(), 1U);
  EXPECT_EQ(program.arrivals.at(0).at, milliseconds(40));
  EXPECT_FALSE(program.endless);
  EXPECT_EQ(workload.tenants.at(0).clients, 3U);
  EXPECT_EQ(workload.tenants.at(0).arrivals, 0U);
  EXPECT_EQ(online_utilisation(workload), 0);
}

TEST(ClosedLoop, DrawsRequestsThatDiffer) {
  const Workload workload =
      compiled(scenario_of("", "kind = \"saturated\"",
                           "kind = \"service\", distribution = \"exponential\", mean = \"1ms\""));
  const Program& program = workload.programs.at(0);
  EXPECT_EQ(program.clients, 1U);
  EXPECT_EQ(program.arrivals.size(), 1024U);
  EXPECT_EQ(program.arrivals.at(7).at, Duration::zero());
  EXPECT_GT(program.trains.size(), 1000U);
}

TEST(ClosedLoop, NeedsItsThinkTimeUnlessSaturated) {
  EXPECT_THAT(refusal(scenario_of("", "kind = \"closed-loop\", clients = 3")), HasSubstr("think"));
  EXPECT_THAT(refusal(scenario_of("", "kind = \"saturated\", think = \"1ms\"")),
              HasSubstr("think"));
  EXPECT_THAT(refusal(scenario_of("", "kind = \"saturated\", clients = 0")),
              HasSubstr("out of range"));
}

TEST(Tenant, SaysHowItsProcessMakesAndFillsItsQueues) {
  const Workload workload =
      compiled(scenario_of("", "kind = \"saturated\"") +
               "runtime = \"hip\"\nrun_ahead = 32\ncooperative = true\npreparation = \"200us\"\n");
  const Program& program = workload.programs.at(0);
  EXPECT_EQ(program.runtime, Runtime::kHip);
  EXPECT_EQ(program.run_ahead, 32U);
  EXPECT_TRUE(program.cooperative);
  EXPECT_EQ(program.preparation, microseconds(200));
}

}  // namespace
}  // namespace gpreempt
