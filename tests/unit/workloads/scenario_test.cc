#include "workloads/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "tests/unit/workloads/temporary_folder.h"
#include "workloads/loader.h"

namespace gpreempt {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kMinimal = R"(
schema = 1
name = "minimal"
[run]
duration = "1s"
[[online]]
name = "a"
priority = 15
arrivals = { kind = "poisson", rate = "10/s" }
request = { kind = "service", mean = "1ms", distribution = "exponential" }
)";

TEST(Scenario, DefaultIsReadInFull) {
  const auto scenario = find_scenario("default");
  ASSERT_TRUE(scenario) << scenario.error().what;
  EXPECT_EQ(scenario->name, "default");
  EXPECT_THAT(scenario->description, HasSubstr("Prompt guard"));
  EXPECT_EQ(scenario->run.duration, Duration(seconds(60)));
  EXPECT_EQ(scenario->run.drain, seconds(10));
  EXPECT_EQ(scenario->run.warmup, seconds(1));
  EXPECT_EQ(scenario->run.seed, 1U);
  EXPECT_EQ(scenario->hardware.model, "mi308x");
  EXPECT_EQ(scenario->hardware.gpus, 1U);
  EXPECT_EQ(scenario->hardware.personality, "dkms-6.12.12");
  EXPECT_EQ(scenario->hardware.num_kcq, 8U);
  EXPECT_EQ(scenario->slo.quantile, 0.99);
  EXPECT_THAT(scenario->slo.online_latency, ElementsAre(milliseconds(50), milliseconds(10)));
  EXPECT_THAT(scenario->slo.offline_loss, ElementsAre(0.2, 0.1, 0.05));
  EXPECT_EQ(scenario->tenants.size(), 2U);
}

TEST(Scenario, DefaultHasTheSchedulerAsWritten) {
  const auto scenario = find_scenario("default");
  ASSERT_TRUE(scenario) << scenario.error().what;
  const SchedulerScenario& scheduler = scenario->scheduler;
  EXPECT_EQ(scheduler.policy, "suspend");
  EXPECT_EQ(scheduler.mechanism, "suspend-queues");
  EXPECT_EQ(scheduler.grace, std::nullopt);
  EXPECT_EQ(scheduler.lease, seconds(2));
  EXPECT_EQ(scheduler.detection.kind, DetectionKind::kHint);
  EXPECT_EQ(scheduler.detection.value, Duration(0));
  EXPECT_EQ(scheduler.rescan_period, milliseconds(100));
  EXPECT_EQ(policy_with_options(scheduler, "suspend"), "suspend");
  EXPECT_TRUE(scheduler.options.empty());
}

TEST(Scenario, OptionsBelongToThePolicyTheyAreNamedAfter) {
  const auto scenario = parse_scenario(
      std::string(kMinimal) + "[scheduler.options]\nslice = { slice = \"20ms\", gap = \"5ms\" }\n",
      "options.toml");
  ASSERT_TRUE(scenario) << scenario.error().what;
  EXPECT_EQ(policy_with_options(scenario->scheduler, "slice"), "slice:gap=5ms,slice=20ms");
  EXPECT_EQ(policy_with_options(scenario->scheduler, "slice:slice=1ms"), "slice:slice=1ms");
  EXPECT_EQ(policy_with_options(scenario->scheduler, "linger"), "linger");
}

TEST(Scenario, OnlineIsPromisedTheFirstLimitUnlessItSaysOtherwise) {
  const std::string slo = "[slo]\nonline_latency = [\"40ms\", \"10ms\"]\n";
  const auto by_slo = parse_scenario(std::string(kMinimal) + slo, "slo.toml");
  ASSERT_TRUE(by_slo) << by_slo.error().what;
  EXPECT_EQ(by_slo->tenants.at(0).deadline, std::optional<Duration>(milliseconds(40)));
  EXPECT_EQ(by_slo->tenants.at(0).weight, 1U);
  const auto own =
      parse_scenario(std::string(kMinimal) + "deadline = \"7ms\"\nweight = 3\n" + slo, "own.toml");
  ASSERT_TRUE(own) << own.error().what;
  EXPECT_EQ(own->tenants.at(0).deadline, std::optional<Duration>(milliseconds(7)));
  EXPECT_EQ(own->tenants.at(0).weight, 3U);
  const auto none = parse_scenario(kMinimal, "none.toml");
  ASSERT_TRUE(none) << none.error().what;
  EXPECT_EQ(none->tenants.at(0).deadline, std::nullopt);
}

TEST(Scenario, AWeightOfZeroOrADeadlineOfZeroIsRefused) {
  for (const std::string key : {"weight = 0\n", "deadline = \"0ms\"\n"}) {
    EXPECT_FALSE(parse_scenario(std::string(kMinimal) + key, "zero.toml")) << key;
  }
}

TEST(Scenario, OptionsOfEveryPolicyOfTheCatalogueAreKept) {
  for (const std::string name :
       {"none", "priority", "suspend", "linger", "slice", "timeshare", "loss-budget", "deadline",
        "break-even", "coalesce", "k-edf", "laxity", "partition", "fair", "mlfq"}) {
    const auto scenario = parse_scenario(
        std::string(kMinimal) + "[scheduler.options]\n" + name + " = { k = 1 }\n", "options.toml");
    ASSERT_TRUE(scenario) << scenario.error().what;
    EXPECT_EQ(scenario->scheduler.options.at(name).at("k"), "1");
  }
}

TEST(Scenario, DefaultHasTheTenantsAsWritten) {
  const auto scenario = find_scenario("default");
  ASSERT_TRUE(scenario) << scenario.error().what;
  const TenantScenario& guard = scenario->tenants.at(0);
  EXPECT_EQ(guard.name, "guard");
  EXPECT_FALSE(guard.offline);
  EXPECT_EQ(guard.priority, 15U);
  EXPECT_EQ(guard.hardware_priority, 7U);
  ASSERT_TRUE(guard.arrivals);
  const auto& arrivals = std::get<RandomArrivals>(*guard.arrivals);
  EXPECT_EQ(arrivals.rate, 5.53);
  EXPECT_EQ(arrivals.cv2, 1.2);
  const auto& request = std::get<TransformerWork>(guard.work);
  EXPECT_EQ(request.parameters, 0.34e9);
  EXPECT_EQ(request.layers, 24U);
  EXPECT_EQ(request.kernels_per_layer, 10U);
  EXPECT_EQ(request.shape.workgroups, 240U);
  EXPECT_EQ(request.shape.lds_bytes, 16U * 1024U);
  const auto& tokens = std::get<LognormalTokens>(request.context_tokens);
  EXPECT_EQ(tokens.mean, 1155);
  EXPECT_EQ(tokens.p99, 4142);
  EXPECT_EQ(tokens.max, 14'050U);

  const TenantScenario& train = scenario->tenants.at(1);
  EXPECT_TRUE(train.offline);
  EXPECT_EQ(train.priority, 2U);
  EXPECT_EQ(train.queues, 4U);
  EXPECT_FALSE(train.arrivals);
  const KernelTrain& step = std::get<KernelsWork>(train.work).train;
  ASSERT_EQ(step.size(), 2U);
  EXPECT_EQ(step.at(1).count, 249U);
  EXPECT_EQ(step.at(1).duration, microseconds(367));
  EXPECT_EQ(step.at(1).shape.workgroups, 1280U);
  EXPECT_EQ(step.at(1).shape.vgprs, 128U);
  EXPECT_EQ(step.at(1).shape.lds_bytes, 32U * 1024U);
}

TEST(Scenario, EveryEmbeddedOneIsReadUnderItsName) {
  ASSERT_FALSE(embedded_scenarios().empty());
  for (const EmbeddedFile& file : embedded_scenarios()) {
    const auto scenario = parse_scenario(file.text, std::string(file.name));
    ASSERT_TRUE(scenario) << scenario.error().what;
    EXPECT_EQ(scenario->name + ".toml", file.name);
  }
}

TEST(Scenario, AzureNeedsATraceAndHasTheProfileInside) {
  const auto scenario = find_scenario("azure-conv-mi308x");
  ASSERT_TRUE(scenario) << scenario.error().what;
  EXPECT_EQ(scenario->run.duration, std::nullopt);
  const auto& trace = std::get<TraceArrivals>(*scenario->tenants.at(0).arrivals);
  EXPECT_EQ(trace.format, "azure-llm-2023");
  EXPECT_TRUE(trace.file.empty());
  const auto& step = std::get<ProfileWork>(scenario->tenants.at(1).work);
  EXPECT_EQ(step.text, find_embedded("resnet50-train")->text);
}

TEST(Scenario, GetsDefaultsForWhatIsLeftOut) {
  const auto scenario = parse_scenario(kMinimal, "minimal.toml");
  ASSERT_TRUE(scenario) << scenario.error().what;
  EXPECT_EQ(scenario->run.drain, seconds(10));
  EXPECT_EQ(scenario->run.warmup, Duration(0));
  EXPECT_EQ(scenario->scheduler.policy, "suspend");
  EXPECT_EQ(to_string(scenario->scheduler.detection), "poll:1ms");
  EXPECT_TRUE(scenario->slo.online_latency.empty());
  EXPECT_EQ(scenario->tenants.at(0).queues, 1U);
}

TEST(Scenario, FileFindsItsTraceAndProfileInItsFolder) {
  const TemporaryFolder folder;
  folder.write("step.csv", "Name,Profile,Memory_footprint,SM_usage,Duration\na,0,0,1,100\n");
  const auto file = folder.write("s.toml", R"(
schema = 1
name = "s"
run = { duration = "trace" }
[[online]]
name = "a"
priority = 15
arrivals = { kind = "trace", format = "azure-llm-2023", file = "t.csv", rate_scale = 2, on_error = "skip" }
request = { kind = "kernels", repeat = [{ duration = "5us" }] }
[[offline]]
name = "b"
priority = 2
arrivals = { kind = "periodic", rate = "1/s", phase = "20ms" }
step = { kind = "profile", format = "orion", file = "step.csv", time_scale = 0.5, vgprs = 32 }
)");
  const auto scenario = load_scenario(file);
  ASSERT_TRUE(scenario) << scenario.error().what;
  const auto& trace = std::get<TraceArrivals>(*scenario->tenants.at(0).arrivals);
  EXPECT_EQ(trace.file, folder.path() / "t.csv");
  EXPECT_EQ(trace.rate_scale, 2);
  EXPECT_EQ(trace.on_error, TraceErrors::kSkip);
  const TenantScenario& job = scenario->tenants.at(1);
  EXPECT_EQ(std::get<PeriodicArrivals>(*job.arrivals).phase, milliseconds(20));
  const auto& step = std::get<ProfileWork>(job.work);
  EXPECT_THAT(step.text, HasSubstr("a,0,0,1,100"));
  EXPECT_EQ(step.time_scale, 0.5);
  EXPECT_EQ(step.shape.vgprs, 32U);
  EXPECT_EQ(find_scenario(file.string())->name, "s");
}

TEST(Detection, IsReadInEveryForm) {
  const auto read = [](std::string_view text) {
    const auto detection = parse_detection(text, milliseconds(1));
    return detection ? to_string(*detection) : detection.error().what;
  };
  EXPECT_EQ(read("hint"), "hint:0s");
  EXPECT_EQ(read("hint:20us"), "hint:20us");
  EXPECT_EQ(read("poll"), "poll:1ms");
  EXPECT_EQ(read("poll:250us"), "poll:250us");
  EXPECT_EQ(read("oracle"), "oracle");
  EXPECT_THAT(read("guess"), HasSubstr("poll:<period>"));
  EXPECT_THAT(read("oracle:1ms"), HasSubstr("unknown"));
  EXPECT_THAT(read("poll:0s"), HasSubstr("longer than 0"));
  EXPECT_THAT(read("poll:"), HasSubstr("not a duration"));
  EXPECT_THAT(read("hint:fast"), HasSubstr("not a duration"));
}

TEST(Detection, IsCalledIdealWhenAHintTakesNoTime) {
  EXPECT_EQ(detection_note({.kind = DetectionKind::kHint, .value = {}}), "ideal: no delay");
  EXPECT_EQ(detection_note({.kind = DetectionKind::kHint, .value = Duration(1)}), "");
  EXPECT_EQ(detection_note({.kind = DetectionKind::kPoll, .value = milliseconds(1)}), "");
}

TEST(EmbeddedFiles, AreFoundWithAndWithoutTheirEnding) {
  ASSERT_NE(find_embedded("default"), nullptr);
  EXPECT_EQ(find_embedded("default"), find_embedded("default.toml"));
  EXPECT_EQ(find_embedded("nothing"), nullptr);
}

}  // namespace
}  // namespace gpreempt
