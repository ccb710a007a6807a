// Goal: what people write and read: command lines, tenants of scenarios, records and reports.
#include "workloads/hip/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "tests/hip/short_run.h"
#include "workloads/compile.h"
#include "workloads/hip/kernel_plan.h"
#include "workloads/hip/options.h"
#include "workloads/hip/queues.h"
#include "workloads/hip/records.h"
#include "workloads/hip/runner.h"
#include "workloads/hip/tenant.h"
#include "workloads/loader.h"
#include "workloads/program_file.h"

namespace gpreempt::hip {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::SizeIs;

Options read(Role role, const std::vector<std::string>& arguments) {
  return read_command_line(role, arguments).value().options;
}

std::string refusal(Role role, const std::vector<std::string>& arguments) {
  const auto line = read_command_line(role, arguments);
  return line ? "accepted" : line.error().what;
}

TEST(HipCommandLine, ReadsWhatItDocuments) {
  const Options options =
      read(Role::kOffline,
           {"default", "--tenant", "train", "--records", "p.csv", "--gpu", "3", "--seed", "9",
            "--duration", "10s", "--heartbeat", "1s", "--traffic", "64MiB", "--kernels",
            "gemm:2048", "--inject", "vgpr:kernel=3,block=1,thread=70,index=2,flip=128"});
  EXPECT_EQ(options.tenant, "train");
  EXPECT_EQ(options.gpu, 3U);
  EXPECT_EQ(options.seed, 9U);
  EXPECT_EQ(options.duration, Duration(seconds(10)));
  EXPECT_EQ(options.traffic, 64U << 20U);
  EXPECT_EQ(options.gemm, 2048U);
  ASSERT_TRUE(options.fault.has_value());
  EXPECT_EQ(options.fault->thread, 70U);
  EXPECT_EQ(options.fault->flip, 128U);
}

TEST(HipCommandLine, RefusesWhatItCannotDo) {
  EXPECT_THAT(refusal(Role::kOnline, {}), HasSubstr("either a SCENARIO or a --program"));
  EXPECT_THAT(refusal(Role::kOffline, {"default", "--kernels", "gemm:100"}),
              HasSubstr("a multiple of 16"));
  EXPECT_THAT(refusal(Role::kOffline, {"default", "--kernels", "spin"}),
              HasSubstr("trains, endless, persistent and gemm:ROWS"));
  EXPECT_THAT(refusal(Role::kOnline, {"default", "--kernels", "endless"}), HasSubstr("--help"));
  EXPECT_THAT(refusal(Role::kOnline, {"default", "--inject", "sgpr"}),
              HasSubstr("can be corrupted"));
  EXPECT_THAT(refusal(Role::kOnline, {"default", "--duration", "10"}), HasSubstr("--duration"));
}

TEST(HipTenant, HasTheArrivalsThatTheSimulatorHas) {
  const Scenario scenario = find_scenario("default").value();
  const Workload workload =
      compile(scenario, {.flops_fp16 = 270e12}, {.seed = 7, .traces = {}}).value();
  Options options{.role = Role::kOnline, .scenario = "default", .seed = 7};
  const TenantPlan plan = plan_tenant(options).value();
  EXPECT_EQ(plan.program, workload.programs.front());
  EXPECT_GT(plan.program.arrivals.size(), 100U);
  options.seed = 8;
  EXPECT_NE(plan_tenant(options).value().program.arrivals, plan.program.arrivals);
}

TEST(HipTenant, RefusesWhatOnlyOthersCanRun) {
  const auto refuse = [](const Options& options) {
    const auto plan = plan_tenant(options);
    return plan ? "accepted" : plan.error().what;
  };
  EXPECT_THAT(refuse({.role = Role::kOnline, .scenario = "llm-serving"}), HasSubstr("vllm serve"));
  EXPECT_THAT(refuse({.role = Role::kOffline, .scenario = "ddp-2gpu"}), HasSubstr("torchrun"));
  EXPECT_THAT(refuse({.role = Role::kOnline, .scenario = "default", .tenant = "train"}),
              HasSubstr("it has guard"));
  EXPECT_THAT(refuse({.role = Role::kOnline, .scenario = "three-tenants"}),
              HasSubstr("it has a, b; name one with --tenant"));
}

/// A file with a program, for as long as the test runs.
std::string file_of(const Program& program) {
  const std::string path = testing::TempDir() + "hip-" + program.name + ".program.json";
  EXPECT_TRUE(write_file(path, program_text(program)).has_value());
  return path;
}

TEST(HipTenant, WithoutWorkItIsThereForItsQueues) {
  Program program;
  program.name = "idle";
  program.offline = true;
  program.queues = 8;
  program.idle_gpus = {1};
  const Options options{.role = Role::kOffline, .program = file_of(program)};
  const auto plan = plan_tenant(options);
  ASSERT_TRUE(plan.has_value()) << plan.error().what;
  EXPECT_EQ(plan->program, program);
  EXPECT_TRUE(is_idle(plan->program));
}

TEST(HipTenant, WorkWithoutKernelsIsRefused) {
  Program program;
  program.name = "hollow";
  program.offline = true;
  program.endless = true;
  const auto plan = plan_tenant({.role = Role::kOffline, .program = file_of(program)});
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code, Errc::kInvalidArgument);
  EXPECT_THAT(plan.error().what, HasSubstr("no kernels"));
}

TEST(HipReport, OfAnIdleTenantSaysHowManyQueuesItHad) {
  Program program;
  program.offline = true;
  program.queues = 8;
  const RunFacts facts{.options = {},
                       .program = program,
                       .gpu = {.name = "fake"},
                       .plan = {},
                       .clock = {},
                       .outcome = {}};
  EXPECT_THAT(report_text(facts), HasSubstr("queues: 8, without work"));
  EXPECT_TRUE(nlohmann::json::parse(report_json(facts))["clock"].is_null());
}

TEST(HipExitCode, IsThatOfTheToolButForAGpuThatDoesNotAnswer) {
  for (int code = 0; code <= static_cast<int>(Errc::kInternal); ++code) {
    const auto one = static_cast<Errc>(code);
    if (one == Errc::kTimedOut) {
      EXPECT_EQ(exit_code_of(one), static_cast<int>(cli::ExitCode::kEnvironment));
    } else {
      EXPECT_EQ(exit_code_of(one), static_cast<int>(cli::exit_code_for(one))) << code;
    }
  }
}

TEST(HipRecords, OfATrainerAreItsProgress) {
  const ShortRun run({.role = Role::kOffline, .scenario = "gemm-2048", .duration = seconds(2)});
  const std::string text = records_text(run.facts());
  EXPECT_THAT(text, testing::StartsWith("policy,tenant,at_ns,work_ns\n\"none\",gemm,"));
}

TEST(HipReport, SaysHowTheDurationsCameOutAndWhatWasLost) {
  ShortRun run({.role = Role::kOnline,
                .scenario = "gemm-2048",
                .duration = seconds(2),
                .heartbeat = milliseconds(500)});
  run.outcome.losses_found = 1;
  run.outcome.losses.push_back({.record = {.kernel = 3, .expected = 8, .got = 9}, .lane = 5});
  const auto json = nlohmann::json::parse(report_json(run.facts()));
  EXPECT_EQ(json["tool"], "gpreempt-hip-online");
  const auto& made = json["calibration"]["durations"].at(0);
  EXPECT_EQ(made["asked_ns"], 100'000);
  EXPECT_NEAR(made["made_ns"].get<double>(), 100'000, 100);
  EXPECT_EQ(json["witness"]["losses"].at(0)["lane"], 5);
  EXPECT_GT(json["heartbeat"]["with"]["requests"], 5);
  EXPECT_GT(json["heartbeat"]["without"]["requests"], 5);
  EXPECT_THAT(report_text(run.facts()), HasSubstr("1 LOSSES"));
}

TEST(HipSession, ReadsItsScenarioBeforeItOpensAGpu) {
  const OpenGpu never = [](std::uint32_t) -> Result<std::unique_ptr<Gpu>> {
    return fail(Errc::kNoSuchDevice, "open GPU 0: none");
  };
  EXPECT_EQ(workload_main(Role::kOnline, {"--help"}, never), 0);
  EXPECT_EXIT((void)workload_main(Role::kOnline, {"no-such-scenario"}, never),
              testing::ExitedWithCode(3), "no-such-scenario");
  EXPECT_EXIT((void)workload_main(Role::kOnline, {"default", "--tenant", "train"}, never),
              testing::ExitedWithCode(2), "it has guard");
  EXPECT_EXIT((void)workload_main(Role::kOnline, {"default"}, never), testing::ExitedWithCode(3),
              "open GPU 0: none");
}

}  // namespace
}  // namespace gpreempt::hip
