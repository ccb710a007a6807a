#include "workloads/compile.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/time.h"
#include "tests/unit/workloads/temporary_folder.h"
#include "workloads/loader.h"
#include "workloads/scenario.h"
#include "workloads/work.h"

namespace gpreempt {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr HardwareFacts kFacts{.flops_fp16 = 344e12, .gpus = 1};

constexpr std::string_view kTrace =
    "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2023-11-16 18:00:00.0000000,1155,44\n"
    "2023-11-16 18:00:02.0000000,100,1\n"
    "2023-11-16 18:00:04.0000000,1155,1\n";

Scenario parse(std::string_view run, std::string_view tenants) {
  const auto scenario = parse_scenario(
      fmt::format("schema = 1\nname = \"t\"\nrun = {{ {} }}\n{}", run, tenants), "t.toml");
  if (!scenario) {
    ADD_FAILURE() << scenario.error().what;
    return {};
  }
  return *scenario;
}

Workload compiled(const Scenario& scenario, const CompileOptions& options = {}) {
  const auto workload = compile(scenario, kFacts, options);
  if (!workload) {
    ADD_FAILURE() << workload.error().what;
    return {};
  }
  return *workload;
}

std::string online(std::string_view name, std::string_view arrivals, std::string_view request) {
  return fmt::format(
      "[[online]]\nname = \"{}\"\npriority = 15\narrivals = {{ {} }}\nrequest = {{ {} }}\n", name,
      arrivals, request);
}

std::string offline(std::string_view name, std::string_view step) {
  return fmt::format("[[offline]]\nname = \"{}\"\npriority = 2\nstep = {{ {} }}\n", name, step);
}

constexpr std::string_view kTransformer =
    "kind = \"transformer\", phase = \"prefill\", parameters = 0.34e9, layers = 24, "
    "kernels_per_layer = 10, context_tokens = ";
constexpr std::string_view kAzure = "kind = \"trace\", format = \"azure-llm-2023\"";
constexpr std::string_view kKernels =
    "kind = \"kernels\", repeat = [{ count = 2, duration = \"5ms\" }]";

std::string traced(std::string_view name, std::string_view more = "") {
  return online(name, std::string(kAzure) + std::string(more),
                std::string(kTransformer) + "\"from-trace\"");
}

std::vector<Duration> times(const Program& program) {
  std::vector<Duration> out;
  for (const Arrival& arrival : program.arrivals) {
    out.push_back(arrival.at);
  }
  return out;
}

/// What a request of the program takes alone.
std::vector<Duration> services(const Program& program) {
  std::vector<Duration> out;
  for (const Arrival& arrival : program.arrivals) {
    out.push_back(alone_time(program.trains.at(arrival.train)));
  }
  return out;
}

TEST(Compile, MakesOneProgramATenantOnlineFirst) {
  const Workload workload =
      compiled(parse("duration = \"10s\", warmup = \"2s\", drain = \"3s\"",
                     offline("train", kKernels) +
                         online("guard", "kind = \"periodic\", rate = \"1/s\"", kKernels)));
  ASSERT_EQ(workload.programs.size(), 2U);
  EXPECT_EQ(workload.programs.at(0).name, "guard");
  EXPECT_FALSE(workload.programs.at(0).offline);
  EXPECT_FALSE(workload.programs.at(0).endless);
  EXPECT_EQ(workload.programs.at(1).name, "train");
  EXPECT_TRUE(workload.programs.at(1).offline);
  EXPECT_TRUE(workload.programs.at(1).endless);
  EXPECT_EQ(workload.programs.at(1).trains.size(), 1U);
  EXPECT_TRUE(workload.programs.at(1).arrivals.empty());
  EXPECT_EQ(workload.duration, seconds(10));
  EXPECT_EQ(workload.warmup, seconds(2));
  EXPECT_EQ(workload.drain, seconds(3));
  const TenantMeta& guard = workload.tenants.at(0);
  EXPECT_EQ(guard.cls, TenantClass::kOnline);
  EXPECT_EQ(guard.priority, 15U);
  EXPECT_EQ(guard.arrivals, 10U);
  EXPECT_EQ(guard.arrivals_counted, 8U);
  EXPECT_EQ(guard.service, milliseconds(100));
  EXPECT_EQ(workload.tenants.at(1).cls, TenantClass::kOffline);
}

TEST(Compile, UtilisationIsServiceTimeOverDuration) {
  const Workload workload = compiled(parse(
      "duration = \"10s\"",
      online("a", "kind = \"periodic\", rate = \"10/s\"", kKernels) + offline("b", kKernels)));
  EXPECT_DOUBLE_EQ(online_utilisation(workload), 0.1);
  EXPECT_EQ(online_utilisation(workload, 1), 0);
  EXPECT_EQ(online_utilisation({}), 0);
}

TEST(Compile, RunsFiniteOfflineJobsWhenTheyArrive) {
  const Workload workload = compiled(
      parse("duration = \"3s\"",
            offline("job", kKernels) + "arrivals = { kind = \"periodic\", rate = \"1/s\" }\n"));
  EXPECT_FALSE(workload.programs.at(0).endless);
  EXPECT_EQ(workload.programs.at(0).arrivals.size(), 3U);
}

TEST(Compile, HintsComeFromTheDetection) {
  const auto program = [](std::string_view detection) {
    const std::string text = fmt::format("[scheduler]\ndetection = \"{}\"\n", detection) +
                             online("a", "kind = \"poisson\", rate = \"1/s\"", kKernels) +
                             offline("b", kKernels);
    const Workload workload = compiled(parse("duration = \"1s\"", text));
    EXPECT_FALSE(workload.programs.at(1).hints);
    return workload.programs.at(0);
  };
  EXPECT_TRUE(program("hint").hints);
  EXPECT_EQ(program("hint").hint_delay, Duration(0));
  EXPECT_EQ(program("hint:30us").hint_delay, microseconds(30));
  EXPECT_TRUE(program("oracle").hints);
  EXPECT_FALSE(program("poll:2ms").hints);
}

TEST(Compile, ReplaysATraceToItsLastRequest) {
  const TemporaryFolder folder;
  const auto file = folder.write("t.csv", kTrace);
  const Workload workload =
      compiled(parse("duration = \"trace\"", traced("guard")), {.seed = 1, .traces = {{"", file}}});
  const Program& program = workload.programs.at(0);
  EXPECT_EQ(times(program), (std::vector<Duration>{Duration(0), seconds(2), seconds(4)}));
  EXPECT_EQ(workload.duration, seconds(4) + Duration(1));
  // Two lengths, two trains; 2 x 0.34e9 x 1155 / 172e12 / 240 = 19,026 ns, and the 2 us floor.
  EXPECT_EQ(program.trains.size(), 2U);
  EXPECT_EQ(services(program), (std::vector<Duration>{Duration(240 * 19'026), microseconds(480),
                                                      Duration(240 * 19'026)}));
}

TEST(Compile, ScalesATracesRateAndCutsItAtTheDuration) {
  const TemporaryFolder folder;
  const auto file = folder.write("t.csv", kTrace);
  const CompileOptions options{.seed = 1, .traces = {{"guard", file}}};
  const Workload twice =
      compiled(parse("duration = \"trace\"", traced("guard", ", rate_scale = 2")), options);
  EXPECT_EQ(times(twice.programs.at(0)),
            (std::vector<Duration>{Duration(0), seconds(1), seconds(2)}));
  const Workload cut = compiled(parse("duration = \"4s\"", traced("guard")), options);
  EXPECT_EQ(times(cut.programs.at(0)), (std::vector<Duration>{Duration(0), seconds(2)}));
}

TEST(Compile, ReportsSkippedTraceLines) {
  const TemporaryFolder folder;
  const auto file = folder.write("t.csv", std::string(kTrace) + "broken\n");
  const CompileOptions options{.seed = 1, .traces = {{"", file}}};
  const Workload workload =
      compiled(parse("duration = \"trace\"", traced("guard", ", on_error = \"skip\"")), options);
  ASSERT_EQ(workload.notes.size(), 1U);
  EXPECT_THAT(workload.notes.at(0), HasSubstr("guard: 1 lines skipped"));
  const auto refused = compile(parse("duration = \"trace\"", traced("guard")), kFacts, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kParse);
  EXPECT_THAT(refused.error().what, HasSubstr("t.csv:5: "));
}

TEST(Compile, RefusesADurationFromATraceThatSpansNoTime) {
  const std::string head = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
  const std::string row = "2023-11-16 18:00:00.0000000,1155,44\n";
  const TemporaryFolder folder;
  for (const std::string& rows : {row, row + row}) {
    const CompileOptions options{.seed = 1, .traces = {{"", folder.write("t.csv", head + rows)}}};
    const auto refused = compile(parse("duration = \"trace\"", traced("guard")), kFacts, options);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kInvalidArgument);
    EXPECT_THAT(refused.error().what, HasSubstr("--duration"));
    const Workload fixed = compiled(parse("duration = \"1s\"", traced("guard")), options);
    EXPECT_EQ(fixed.duration, seconds(1));
  }
}

TEST(Compile, RefusesTracesThatFitNoTenant) {
  const Scenario none = parse("duration = \"1s\"", offline("train", kKernels));
  const Scenario one = parse("duration = \"1s\"", traced("guard"));
  const Scenario two = parse("duration = \"1s\"", traced("a") + traced("b"));
  const auto error = [](const Scenario& scenario, const CompileOptions& options) {
    const auto workload = compile(scenario, kFacts, options);
    return workload ? Error{} : workload.error();
  };
  EXPECT_THAT(error(none, {.seed = 1, .traces = {{"", "t.csv"}}}).what,
              HasSubstr("no tenant with"));
  EXPECT_THAT(error(one, {.seed = 1, .traces = {{"gaurd", "t.csv"}}}).what,
              HasSubstr("did you mean 'guard'?"));
  EXPECT_THAT(error(two, {.seed = 1, .traces = {{"", "t.csv"}}}).what, HasSubstr("TENANT=FILE"));
  EXPECT_THAT(error(one, {}).what, HasSubstr("--trace FILE"));
  EXPECT_EQ(error(one, {}).code, Errc::kInvalidArgument);
  const Error missing = error(one, {.seed = 1, .traces = {{"", "/nonexistent/t.csv"}}});
  EXPECT_EQ(missing.code, Errc::kIo);
  EXPECT_THAT(missing.what, HasSubstr("/nonexistent/t.csv"));
}

TEST(Compile, RefusesWhatTheHardwareLacks) {
  const Scenario scenario =
      parse("duration = \"1s\"",
            online("a", "kind = \"poisson\", rate = \"1/s\"", std::string(kTransformer) + "10"));
  EXPECT_THAT(compile(scenario, {.flops_fp16 = 0, .gpus = 1}, {}).error().what,
              HasSubstr("flops_fp16"));
  EXPECT_THAT(compile(scenario, {.flops_fp16 = 1e12, .gpus = 0}, {}).error().what,
              HasSubstr("GPU 0"));
}

TEST(Compile, RefusesAnEndlessNumberOfArrivals) {
  const Scenario scenario =
      parse("duration = \"1000h\"", online("a", "kind = \"poisson\", rate = \"1/us\"", kKernels));
  const auto workload = compile(scenario, kFacts, {});
  ASSERT_FALSE(workload);
  EXPECT_THAT(workload.error().what, HasSubstr("lower the rate"));
}

TEST(Compile, ServiceRequestsFillTheGpu) {
  const Workload workload =
      compiled(parse("duration = \"100s\"",
                     online("a", "kind = \"poisson\", rate = \"10/s\"",
                            "kind = \"service\", distribution = \"exponential\", mean = \"3ms\"")));
  const Program& program = workload.programs.at(0);
  ASSERT_FALSE(program.trains.empty());
  for (const KernelTrain& train : program.trains) {
    ASSERT_EQ(train.size(), 1U);
    EXPECT_EQ(train.at(0).count, 1U);
    EXPECT_EQ(train.at(0).shape.workgroups, kFacts.whole_gpu.workgroups);
  }
}

TEST(Compile, ServiceRequestsMayHaveAShapeOfTheirOwn) {
  const Workload workload =
      compiled(parse("duration = \"10s\"",
                     online("a", "kind = \"periodic\", rate = \"1/s\"",
                            "kind = \"service\", distribution = \"constant\", mean = \"3ms\", "
                            "workgroups = 20")));
  const Program& program = workload.programs.at(0);
  ASSERT_EQ(program.trains.size(), 1U);
  EXPECT_EQ(program.trains.at(0).at(0).shape.workgroups, 20U);
  EXPECT_EQ(program.trains.at(0).at(0).duration, milliseconds(3));
}

TEST(Compile, DrawsManyStepsForAnEndlessTenantWhoseStepsDiffer) {
  const Workload workload = compiled(
      parse("duration = \"1s\"",
            offline("b", "kind = \"service\", distribution = \"uniform\", mean = \"3ms\"") +
                offline("c", "kind = \"service\", distribution = \"constant\", mean = \"3ms\"")));
  EXPECT_GT(workload.programs.at(0).trains.size(), 1000U);
  EXPECT_EQ(workload.programs.at(1).trains.size(), 1U);
}

TEST(Compile, GivesTheSameForTheSameSeed) {
  const auto scenario = find_scenario("default");
  ASSERT_TRUE(scenario) << scenario.error().what;
  const Workload first = compiled(*scenario, {.seed = 3, .traces = {}});
  const Workload again = compiled(*scenario, {.seed = 3, .traces = {}});
  const Workload other = compiled(*scenario, {.seed = 4, .traces = {}});
  EXPECT_EQ(times(first.programs.at(0)), times(again.programs.at(0)));
  EXPECT_EQ(services(first.programs.at(0)), services(again.programs.at(0)));
  EXPECT_NE(times(first.programs.at(0)), times(other.programs.at(0)));
}

TEST(Compile, AnotherTenantChangesNoDrawsOfTheFirst) {
  const std::string first = online(
      "a", "kind = \"poisson\", rate = \"50/s\"",
      std::string(kTransformer) + "{ kind = \"lognormal\", mean = 1155, p99 = 4142, max = 14050 }");
  const std::string second =
      online("b", "kind = \"poisson\", rate = \"50/s\"",
             "kind = \"service\", distribution = \"exponential\", mean = \"3ms\"");
  const Workload alone = compiled(parse("duration = \"10s\"", first));
  const Workload both = compiled(parse("duration = \"10s\"", second + first));
  ASSERT_EQ(both.programs.at(1).name, "a");
  EXPECT_EQ(times(alone.programs.at(0)), times(both.programs.at(1)));
  EXPECT_EQ(services(alone.programs.at(0)), services(both.programs.at(1)));
  EXPECT_NE(times(both.programs.at(0)), times(both.programs.at(1)));
}

TEST(Compile, DefaultScenarioIsStable) {
  const auto scenario = find_scenario("default");
  ASSERT_TRUE(scenario) << scenario.error().what;
  const Workload workload = compiled(*scenario);
  EXPECT_GT(online_utilisation(workload), 0);
  EXPECT_LT(online_utilisation(workload), 0.5);
  // 700 x 6 us + 249 x 367 us.
  EXPECT_EQ(alone_time(workload.programs.at(1).trains.at(0)), microseconds(95'583));
}

TEST(Compile, AzureScenarioRunsTheRecordedTrace) {
  const auto file = recorded_inputs() / "traces" / "AzureLLMInferenceTrace_conv.csv";
  if (!std::filesystem::exists(file)) {
    GTEST_SKIP() << "traces/AzureLLMInferenceTrace_conv.csv is not in GPREEMPT_DATA_DIR; fetch it "
                    "from Azure/AzurePublicDataset";
  }
  const auto scenario = find_scenario("azure-conv-mi308x");
  ASSERT_TRUE(scenario) << scenario.error().what;
  const Workload workload = compiled(*scenario, {.seed = 1, .traces = {{"", file}}});
  EXPECT_EQ(workload.tenants.at(0).arrivals, 19'366U);
  EXPECT_LT(online_utilisation(workload), 0.1);
}

}  // namespace
}  // namespace gpreempt
