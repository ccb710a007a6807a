// Goal: what `run` takes to be watched by, `suspend`, `experiment` and `validate-hardware` take,
// too, and it reaches what watches. Method: the built command; a machine in memory; and a log in a
// file, which is looked at before a device is.
#include "cli/safety_options.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/safety/safety_plan.h"
#include "backends/kfd/safety/supervised.h"
#include "backends/sim/system.h"
#include "cli/own_processes.h"
#include "cli/run_options.h"
#include "cli/supervision.h"
#include "cli/worlds.h"
#include "core/error.h"
#include "tests/cli/executable.h"
#include "tests/kfd/safety/kmsg_box.h"

namespace gpreempt::cli {
namespace {

using testing::Finished;
using testing::fresh_folder;
using testing::gpreempt;

constexpr std::array<std::string_view, 3> kVerbs = {"run default", "experiment queue-ids",
                                                    "validate-hardware --only T-1"};
constexpr const char* kReset = "3,5,1000,-;amdgpu 0000:1a:00.0: amdgpu: GPU reset begin!\n";

/// Longer than any machine that runs this has been up.
constexpr Duration kVeryLong = std::chrono::hours(24 * 365 * 20);

TEST(SafetyOptions, VerbsWithModelsRefuseThemThereInTheSameWords) {
  for (const std::string_view option :
       {"--kernel-log none", "--back-off 0s", "--watchdog-cgroup /sys/fs/cgroup/watch"}) {
    for (const std::string_view verb : kVerbs) {
      for (const std::string_view backend : {"sim", "vkfd"}) {
        const Finished finished = gpreempt(std::string(verb) + " --backend " +
                                           std::string(backend) + " " + std::string(option));
        EXPECT_EQ(finished.exit_code, 2) << verb << option;
        EXPECT_EQ(finished.err,
                  "gpreempt: reading " + std::string(option.substr(0, option.find(' '))) +
                      ": only what runs on this machine's GPUs is watched, and the backend is " +
                      std::string(backend) + "; add --backend kfd\n");
      }
    }
  }
}

TEST(SafetyOptions, WhatCannotBeReadIsRefusedByAll) {
  for (const std::string_view verb : kVerbs) {
    const std::string line = std::string(verb) + " --backend kfd ";
    const Finished log = gpreempt(line + "--kernel-log dmesg");
    EXPECT_EQ(log.exit_code, 2) << verb;
    EXPECT_NE(log.err.find("reading --kernel-log 'dmesg'"), std::string::npos) << log.err;
    const Finished back_off = gpreempt(line + "--back-off soon");
    EXPECT_EQ(back_off.exit_code, 2) << verb;
    EXPECT_NE(back_off.err.find("reading --back-off"), std::string::npos) << back_off.err;
  }
}

TEST(SafetyOptions, EveryVerbExplainsThem) {
  for (const std::string_view verb : {"run", "suspend", "experiment", "validate-hardware"}) {
    const std::string help = gpreempt(std::string(verb) + " --help").out;
    for (const char* const option : {"--kernel-log TEXT", "--back-off TEXT", "--watchdog-cgroup"}) {
      EXPECT_NE(help.find(option), std::string::npos) << verb << " " << option;
    }
  }
}

class OwnProcessesWatch : public ::testing::Test {
 protected:
  Result<void> check() {
    box_.reads = {{kReset}};
    return check_others(box_, planned_);
  }
  kfd::KmsgBox box_;
  PlannedSteps planned_{.verb = "experiment", .backend = BackendKind::kKfd};
};

TEST_F(OwnProcessesWatch, TroubleNotLongEnoughAgoIsRefusedInTheWordsOfRun) {
  planned_.safety.back_off = kVeryLong;
  const Result<void> refused = check();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kHardwareFailure);
  box_.reads = {{kReset}};
  const kfd::SafetyRequest run{.verb = "run",
                               .targets = {},
                               .named = {},
                               .launches = true,
                               .trouble = trouble_of(planned_.safety),
                               .roots = {}};
  const auto plan = kfd::plan_safety(box_, run);
  ASSERT_TRUE(plan) << plan.error().what;
  ASSERT_TRUE(plan->trouble);
  // The age of the trouble is in it, in seconds.
  const auto words = [](const std::string& text) { return text.substr(0, text.find(": ")); };
  EXPECT_EQ(words(refused.error().what), words(plan->trouble->what));
  EXPECT_NE(refused.error().what.find("GPU reset begin!"), std::string::npos);
}

TEST_F(OwnProcessesWatch, BackOffOfNothingGoesOn) {
  planned_.safety.back_off = Duration{};
  const Result<void> checked = check();
  EXPECT_TRUE(checked) << checked.error().what;
  EXPECT_EQ(box_.opened, 0);
}

TEST_F(OwnProcessesWatch, LogThatIsGivenUpIsNotReadAndThePlanSaysSo) {
  box_.open_error = EPERM;
  ASSERT_FALSE(check());
  planned_.safety.kernel_log.clear();
  const Result<void> checked = check();
  EXPECT_TRUE(checked) << checked.error().what;
  const auto text = dry_run_text(box_, planned_);
  ASSERT_TRUE(text) << text.error().what;
  EXPECT_NE(text->find("not the kernel's log, as asked"), std::string::npos) << *text;
}

TEST_F(OwnProcessesWatch, AllOfThemReachTheBackend) {
  const kfd::SupervisionOptions supervision = supervision_of(
      box_,
      {.kernel_log = "/log", .back_off = std::chrono::seconds(7), .watchdog_cgroup = "/group"},
      "/dev/other");
  EXPECT_EQ(supervision.trouble.kernel_log, "/log");
  EXPECT_EQ(supervision.trouble.back_off, std::chrono::seconds(7));
  EXPECT_EQ(supervision.backend.device, "/dev/other");
  const std::vector<std::string> wanted = {"watchdog", "--device", "/dev/other", "--cgroup",
                                           "/group"};
  EXPECT_TRUE(std::ranges::equal(supervision.watchdog.begin() + 1, supervision.watchdog.end(),
                                 wanted.begin(), wanted.end()));
}

TEST(SafetyOptions, ControllerOfExperimentsReadsTheLogThatWasNamed) {
  const std::filesystem::path log = fresh_folder() / "kmsg";
  testing::write_file(log, kReset);
  const SafetyOptions safety{
      .kernel_log = log.string(), .back_off = kVeryLong, .watchdog_cgroup = {}};
  const Result<void> done =
      run_in_world(BackendKind::kKfd, safety, [](const OpenMachine& open) -> Result<void> {
        const auto testbed = open(sim::SystemOptions());
        return testbed ? Result<void>() : tl::unexpected<Error>(testbed.error());
      });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::kHardwareFailure);
  EXPECT_NE(done.error().what.find("GPU reset begin!"), std::string::npos) << done.error().what;
}

}  // namespace
}  // namespace gpreempt::cli
