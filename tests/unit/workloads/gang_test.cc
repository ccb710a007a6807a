// Goal: a tenant on several GPUs becomes the programs of its ranks, with collectives where they
// are to be; what makes no sense is refused with its place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/gang_options.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/compile.h"
#include "workloads/loader.h"
#include "workloads/scenario.h"

namespace gpreempt {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kGang = R"(schema = 1
name = "gang"
[run]
duration = "10s"
[hardware]
gpus = 4
[scheduler]
lease = "2s"
detection = "hint"
gang = { split = "staggered:2ms", order = "reverse", on_failure = "release" }
[[online]]
name = "llm"
priority = 15
gpus = [2, 0]
arrivals = { kind = "periodic", rate = "1/s" }
request = { kind = "llm", max_batch = 4, max_prefill_tokens = 100, kernels = 10, prefill = [[100, "4ms"]], decode = [[4, "2ms"]], context_tokens = 100, output_tokens = 5 }
collective = { every = 4, duration = "10us", workgroups = 8 }
[[offline]]
name = "train"
priority = 2
gpus = "all"
step = { kind = "kernels", repeat = [{ count = 5, duration = "1ms" }] }
collective = { every = 2, duration = "100us", timeout = "3s" }
)";

std::string gang_with(std::string_view from, std::string_view to) {
  std::string text(kGang);
  const std::size_t at = text.find(from);
  if (at == std::string::npos) {
    ADD_FAILURE() << "'" << from << "' is not in the scenario";
    return text;
  }
  return text.replace(at, from.size(), to);
}

Workload compiled_gang(const std::string& text) {
  const Result<Scenario> scenario = parse_scenario(text, "s.toml");
  EXPECT_TRUE(scenario) << scenario.error().what;
  const Result<Workload> workload = compile(*scenario, {.gpus = 4}, {});
  EXPECT_TRUE(workload) << workload.error().what;
  return *workload;
}

TEST(GangWorkload, IsAProgramForEachGpuInTheirOrder) {
  const Workload workload = compiled_gang(std::string(kGang));
  ASSERT_EQ(workload.tenants.size(), 2U);
  ASSERT_EQ(workload.programs.size(), 6U);
  EXPECT_EQ(workload.tenants.at(0).first_program, 0U);
  EXPECT_EQ(workload.tenants.at(0).programs, 2U);
  EXPECT_EQ(workload.tenants.at(1).first_program, 2U);
  EXPECT_EQ(workload.tenants.at(1).programs, 4U);
  EXPECT_THAT(workload.tenants.at(0).gpus, ElementsAre(2, 0));
  EXPECT_THAT(workload.tenants.at(1).gpus, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(workload.programs.at(0).gpu, 2U);
  EXPECT_EQ(workload.programs.at(1).gpu, 0U);
  for (std::uint32_t rank = 0; rank < 4; ++rank) {
    const Program& program = workload.programs.at(2 + rank);
    ASSERT_TRUE(program.gang);
    EXPECT_EQ(program.gang->rank, rank);
    EXPECT_EQ(program.gang->ranks, 4U);
    EXPECT_EQ(program.gang->timeout, std::chrono::seconds(3));
    EXPECT_EQ(program.gpu, rank);
  }
  EXPECT_NE(workload.programs.at(0).gang->gang, workload.programs.at(2).gang->gang);
  EXPECT_EQ(workload.programs.at(0).gang->timeout, minutes(10));
}

TEST(GangWorkload, TellsOfEachRequestOnceAndRunsItOnEachRank) {
  const Workload workload = compiled_gang(std::string(kGang));
  EXPECT_TRUE(workload.programs.at(0).hints);
  EXPECT_FALSE(workload.programs.at(1).hints);
  EXPECT_EQ(workload.programs.at(0).arrivals.size(), 10U);
  EXPECT_EQ(workload.programs.at(1).arrivals.size(), 10U);
  EXPECT_EQ(workload.tenants.at(0).arrivals, 10U);
}

TEST(GangWorkload, HasACollectiveAfterEverySoManyKernelsAndAtTheEnd) {
  const Workload workload = compiled_gang(std::string(kGang));
  const KernelTrain& train = workload.programs.at(3).trains.at(0);
  ASSERT_EQ(train.size(), 6U);  // 2, a collective, 2, a collective, 1, a collective
  const std::vector<std::pair<std::uint32_t, bool>> expected = {{2, false}, {1, true},  {2, false},
                                                                {1, true},  {1, false}, {1, true}};
  for (std::size_t i = 0; i < train.size(); ++i) {
    EXPECT_EQ(train[i].count, expected[i].first) << i;
    EXPECT_EQ(train[i].collective, expected[i].second) << i;
    EXPECT_EQ(train[i].duration, train[i].collective ? microseconds(100) : milliseconds(1)) << i;
  }
}

TEST(GangWorkload, WithoutKernelsLeftOverEndsInOneCollective) {
  const KernelTrain train = with_collectives({{.count = 4, .duration = milliseconds(1)}},
                                             {.every = 2, .duration = milliseconds(1)});
  EXPECT_EQ(train.size(), 4U);
}

TEST(GangWorkload, CollectivesOfAnEngineCountInItsLoadOnEachOfItsGpus) {
  const Workload workload = compiled_gang(std::string(kGang));
  // A request: a prefill and four quarters of a full decode, each with 3 collectives of 10 us.
  const double share = 4.03e-3 + 4 * 2.03e-3 / 4;
  EXPECT_NEAR(online_utilisation(workload, 0), share, 1e-9);
  EXPECT_NEAR(online_utilisation(workload, 2), share, 1e-9);
  EXPECT_EQ(online_utilisation(workload, 1), 0);
}

TEST(GangWorkload, OfOneProcessIsOneProgramOnSeveralGpus) {
  const Workload workload =
      compiled_gang(gang_with("gpus = \"all\"", "gpus = [3, 1]\nprocesses = \"one\""));
  ASSERT_EQ(workload.programs.size(), 3U);
  EXPECT_EQ(workload.programs.at(2).gpu, 3U);
  EXPECT_THAT(workload.programs.at(2).more_gpus, ElementsAre(1));
  EXPECT_EQ(workload.programs.at(2).gang->ranks, 2U);
}

TEST(GangWorkload, OfOneGpuHasNobodyToWaitFor) {
  const Workload workload = compiled_gang(gang_with("gpus = \"all\"", "gpus = [1]"));
  const Program& program = workload.programs.at(2);
  EXPECT_FALSE(program.gang);
  EXPECT_EQ(program.trains.at(0).size(), 1U);
  EXPECT_EQ(program.gpu, 1U);
  EXPECT_FALSE(workload.tenants.at(1).coupled);
}

TEST(GangWorkload, ReadsHowAGangIsTakenOff) {
  const GangOptions gang = parse_scenario(kGang, "s.toml")->scheduler.gang;
  EXPECT_EQ(gang.split, GangSplit::kStaggered);
  EXPECT_EQ(gang.gap, milliseconds(2));
  EXPECT_EQ(gang.order, GangOrder::kReverse);
  EXPECT_EQ(gang.on_failure, GangFailure::kRelease);
}

struct GangSlip {
  std::string_view from;
  std::string_view to;
  std::string_view says;
};

class GangRefusal : public testing::TestWithParam<GangSlip> {};

TEST_P(GangRefusal, NamesThePlaceAndTheReason) {
  const GangSlip& slip = GetParam();
  const Result<Scenario> scenario = parse_scenario(gang_with(slip.from, slip.to), "s.toml");
  ASSERT_FALSE(scenario);
  EXPECT_EQ(scenario.error().code, Errc::kParse);
  EXPECT_THAT(scenario.error().what, HasSubstr("s.toml:"));
  EXPECT_THAT(scenario.error().what, HasSubstr(std::string(slip.says)));
}

INSTANTIATE_TEST_SUITE_P(
    Slips, GangRefusal,
    testing::Values(GangSlip{"gpus = [2, 0]", "gpus = []", "no GPUs"},
                    GangSlip{"gpus = [2, 0]", "gpus = [2, 2]", "twice"},
                    GangSlip{"gpus = [2, 0]", "gpus = [2, 4]", "4 is not a GPU of this scenario"},
                    GangSlip{"gpus = [2, 0]", "gpus = [2, 64]", "the most are 64"},
                    GangSlip{"gpus = [2, 0]", "gpus = [2, 0]\ngpu = 1", "leave one out"},
                    GangSlip{"gpus = [2, 0]", "gpu = 1", "name those with `gpus`"},
                    GangSlip{"gpus = [2, 0]", "gpus = \"every\"", "all"},
                    GangSlip{"collective = { every = 4, duration = \"10us\", workgroups = 8 }", "",
                             "say with `collective`"},
                    GangSlip{"every = 4", "every = 0", "every"},
                    GangSlip{"timeout = \"3s\"", "timeout = \"2s\"", "the lease of 2s"},
                    GangSlip{"timeout = \"3s\"", "timeout = \"100us\"", "longer than"},
                    GangSlip{"staggered:2ms", "staggered:0ms", "longer than 0"},
                    GangSlip{"staggered:2ms", "apart", "one-by-one"},
                    GangSlip{"split = \"staggered:2ms\", ", "", "choose another split"},
                    GangSlip{"\"reverse\"", "\"revers\"", "reverse"},
                    GangSlip{"\"release\"", "\"drop\"", "release"}),
    [](const testing::TestParamInfo<GangSlip>& slip) { return "No" + std::to_string(slip.index); });

}  // namespace
}  // namespace gpreempt
