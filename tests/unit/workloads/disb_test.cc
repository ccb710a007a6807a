#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "tests/unit/workloads/temporary_folder.h"
#include "workloads/loader.h"
#include "workloads/scenario.h"

// Workloads of the DISB benchmark, read through the scenario that names them.

namespace gpreempt {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::string_view kScenario = R"(schema = 1
name = "w"
run = { duration = "workload" }
[workload]
format = "disb"
file = "w.json"
[workload.models]
small = { kind = "kernels", repeat = [{ count = 3, duration = "1ms" }] }
large = { kind = "kernels", repeat = [{ count = 9, duration = "1ms" }] }
)";

std::string task(std::string_view id, std::string_view load, std::string_view client) {
  return fmt::format(
      R"({{"id": "{0}", "load": {{ {1} }}, "client": {{"name": "{0}", "batch_size": 1, {2} }} }})",
      id, load, client);
}

class DisbWorkload : public testing::Test {
 protected:
  Result<Scenario> load(const std::string& tasks, std::string_view scenario = kScenario) {
    folder_.write("w.json", fmt::format(R"({{"time": 60, "tasks": [{}]}})", tasks));
    return load_scenario(folder_.write("w.toml", scenario));
  }
  Scenario loaded(const std::string& tasks, std::string_view scenario = kScenario) {
    const auto result = load(tasks, scenario);
    if (!result) {
      ADD_FAILURE() << result.error().what;
      return {};
    }
    return *result;
  }
  std::string refusal(const std::string& tasks, std::string_view scenario = kScenario) {
    const auto result = load(tasks, scenario);
    return result ? "accepted" : result.error().what;
  }
  TemporaryFolder folder_;
};

constexpr std::string_view kPeriodic = R"("type": "periodic", "priority": 0, "frequency": 100)";
constexpr std::string_view kOnline =
    R"("model_name": "small", "priority": 0, "preprocess_time": 200, "use_cuda_graph": true)";
constexpr std::string_view kOffline =
    R"("model_name": "large", "priority": 1, "preprocess_time": 200, "use_cuda_graph": false)";

TEST_F(DisbWorkload, BecomesTenantsOfItsPriorities) {
  const Scenario scenario =
      loaded(task("be", kPeriodic, kOffline) + "," + task("rt", kPeriodic, kOnline));
  ASSERT_EQ(scenario.tenants.size(), 2U);
  const TenantScenario& online = scenario.tenants.at(0);
  const TenantScenario& offline = scenario.tenants.at(1);
  EXPECT_EQ(online.name, "rt");
  EXPECT_FALSE(online.offline);
  EXPECT_EQ(online.priority, 15U);
  EXPECT_EQ(online.preparation, microseconds(200));
  EXPECT_EQ(offline.name, "be");
  EXPECT_TRUE(offline.offline);
  EXPECT_EQ(offline.priority, 2U);
  EXPECT_EQ(scenario.run.duration, seconds(60));
}

TEST_F(DisbWorkload, StaggersPeriodicTasksOfOneFrequencyByTheirIds) {
  const Scenario scenario =
      loaded(task("rt", kPeriodic, kOnline) + "," + task("be", kPeriodic, kOffline) + "," +
             task("other", R"("type": "periodic", "priority": 1, "frequency": 100)", kOffline) +
             "," + task("slow", R"("type": "periodic", "priority": 0, "frequency": 50)", kOffline));
  const auto phase = [&](std::string_view name) {
    for (const TenantScenario& tenant : scenario.tenants) {
      if (tenant.name == name) {
        return std::get<PeriodicArrivals>(*tenant.arrivals).phase;
      }
    }
    return Duration(-1);
  };
  EXPECT_EQ(phase("be"), Duration::zero());
  EXPECT_EQ(phase("rt"), microseconds(9200));  // after be: 9 ms of kernels, 200 us of preparation
  EXPECT_EQ(phase("other"), Duration::zero());
  EXPECT_EQ(phase("slow"), Duration::zero());
}

TEST_F(DisbWorkload, HasEveryKindOfLoad) {
  const Scenario scenario =
      loaded(task("a", R"("type": "poisson", "frequency": 43.3)", kOnline) + "," +
             task("b", R"("type": "trace", "trace": [150, 0, 258])", kOnline) + "," +
             task("c", R"("type": "continuous")", kOnline));
  EXPECT_EQ(std::get<RandomArrivals>(*scenario.tenants.at(0).arrivals).rate, 43.3);
  EXPECT_EQ(std::get<ListedArrivals>(*scenario.tenants.at(1).arrivals).times,
            (std::vector<Duration>{Duration(0), milliseconds(150), milliseconds(258)}));
  EXPECT_EQ(std::get<ClosedLoopArrivals>(*scenario.tenants.at(2).arrivals).clients, 1U);
  EXPECT_EQ(std::get<ClosedLoopArrivals>(*scenario.tenants.at(2).arrivals).think, Duration(0));
}

TEST_F(DisbWorkload, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(refusal(task("a", R"("type": "dependent", "prev_task_ids": ["b"])", kOnline)),
              HasSubstr("w.json: '/tasks/0/load/type': \"dependent\" loads"));
  EXPECT_THAT(refusal(task("a", R"("type": "periodc", "frequency": 1)", kOnline)),
              HasSubstr("did you mean 'periodic'?"));
  EXPECT_THAT(refusal(task("a", R"("type": "periodic", "frequency": 0)", kOnline)),
              HasSubstr("'/tasks/0/load/frequency': 0 is out of range"));
  EXPECT_THAT(refusal(task("a", kPeriodic, R"("model_name": "small", "prority": 0)")),
              HasSubstr("'/tasks/0/client/priority': missing"));
  EXPECT_THAT(refusal(task("a", kPeriodic, R"("model_name": "vgg", "priority": 0)")),
              HasSubstr("'vgg' is not among the `models`"));
  EXPECT_THAT(refusal(task("a", std::string(kPeriodic) + R"(, "burst": 2)", kOnline)),
              HasSubstr("'/tasks/0/load/burst': unknown key"));
  EXPECT_THAT(refusal(task("a b", kPeriodic, kOnline)), HasSubstr("no tenant name"));
  EXPECT_THAT(refusal(task("a", kPeriodic, kOnline) + "," + task("a", kPeriodic, kOnline)),
              HasSubstr("'a' is taken"));
  EXPECT_THAT(refusal("{,"), HasSubstr("w.json:1:"));
  EXPECT_THAT(refusal(""), HasSubstr("no tenants"));
}

TEST_F(DisbWorkload, NeedsFixedModelsToStaggerThem) {
  std::string scenario(kScenario);
  const std::string_view model =
      R"({ kind = "kernels", repeat = [{ count = 3, duration = "1ms" }] })";
  scenario.replace(scenario.find(model), model.size(),
                   R"({ kind = "service", distribution = "exponential", mean = "3ms" })");
  EXPECT_THAT(refusal(task("a", kPeriodic, kOnline), scenario), HasSubstr("coordinate = false"));
  scenario.replace(scenario.find("[workload.models]"), 0, "coordinate = false\n");
  EXPECT_EQ(refusal(task("a", kPeriodic, kOnline), scenario), "accepted");
}

TEST_F(DisbWorkload, NeedsItsTableForItsDuration) {
  const std::string text = R"(schema = 1
name = "x"
run = { duration = "workload" }
[[offline]]
name = "t"
priority = 2
step = { kind = "kernels", repeat = [{ duration = "1ms" }] }
)";
  const auto scenario = parse_scenario(text, "x.toml");
  ASSERT_FALSE(scenario);
  EXPECT_THAT(scenario.error().what, HasSubstr("needs a [workload] table"));
}

TEST_F(DisbWorkload, OfThePublishedPaperIsRead) {
  const std::filesystem::path recorded = recorded_inputs() / "workloads";
  if (!std::filesystem::exists(recorded / "gpreempt" / "C.json") ||
      !std::filesystem::exists(recorded / "reef" / "profiles")) {
    GTEST_SKIP() << "workloads/gpreempt and workloads/reef are not in GPREEMPT_DATA_DIR; fetch "
                    "them from thustorage/GPreempt and SJTU-IPADS/reef";
  }
  std::string text = fmt::format(
      "schema = 1\nname = \"c\"\nrun = {{ duration = \"workload\" }}\n[workload]\n"
      "format = \"disb\"\nfile = \"{}\"\n[workload.models]\n",
      (recorded / "gpreempt" / "C.json").string());
  for (const std::string_view model : {"vgg", "resnet152", "densenet", "inception", "bert"}) {
    text += fmt::format(
        "{} = {{ kind = \"profile\", format = \"reef\", file = \"{}\", "
        "time_scale = 0.71 }}\n",
        model, (recorded / "reef" / "profiles" / fmt::format("{}.profile.json", model)).string());
  }
  const auto scenario = load_scenario(folder_.write("c.toml", text));
  ASSERT_TRUE(scenario) << scenario.error().what;
  ASSERT_EQ(scenario->tenants.size(), 6U);  // 1 LC and 5 BE, all of 100 Hz
  EXPECT_FALSE(scenario->tenants.at(0).offline);
  EXPECT_TRUE(scenario->tenants.at(1).offline);
  for (const TenantScenario& tenant : scenario->tenants) {
    EXPECT_EQ(std::get<PeriodicArrivals>(*tenant.arrivals).rate, 100);
  }
}

}  // namespace
}  // namespace gpreempt
