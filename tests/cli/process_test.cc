// Goal: who does a tenant's work is who the command line names, and what cannot be meant is refused
// before anything is started.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/target_selector.h"
#include "cli/process_binding.h"
#include "cli/process_options.h"
#include "cli/process_world.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/policy.h"
#include "tests/cli/executable.h"
#include "workloads/compile.h"

namespace gpreempt::cli {
namespace {

using testing::Finished;
using testing::gpreempt;
using Bound = std::map<std::string, kfd::TenantCommand>;

/// Two Online tenants, and an Offline one of two processes.
Workload three_tenants() {
  Workload workload;
  workload.tenants = {{.name = "chat", .cls = TenantClass::kOnline},
                      {.name = "guard", .cls = TenantClass::kOnline},
                      {.name = "train", .cls = TenantClass::kOffline, .programs = 2}};
  return workload;
}

std::string refusal(const ProcessOptions& options) {
  const auto bound = bind_processes(options, three_tenants());
  EXPECT_FALSE(bound);
  if (bound) {
    return {};
  }
  EXPECT_EQ(bound.error().code, Errc::kInvalidArgument);
  return bound.error().what;
}

Bound bound(const ProcessOptions& options) {
  const auto result = bind_processes(options, three_tenants());
  EXPECT_TRUE(result) << result.error().what;
  return result.value_or(Bound{});
}

TEST(ProcessBinding, CommandsAreForTheTenantsInTheirOrder) {
  const Bound all = bound({.online = {"python a.py", "python b.py"}, .offline = {"torchrun c.py"}});
  const std::vector<std::string> first = {"/bin/sh", "-c", "python a.py"};
  EXPECT_EQ(all.at("chat").argv, first);
  EXPECT_EQ(all.at("guard").argv.back(), "python b.py");
  EXPECT_EQ(all.at("train").argv.back(), "torchrun c.py");
  EXPECT_EQ(all.at("train").processes, 2U);
  EXPECT_FALSE(all.at("chat").says_ready);
}

TEST(ProcessBinding, NamedTenantIsTakenAndTheOthersKeepTheirOrder) {
  const Bound all = bound({.online = {"python b.py", "chat=python a.py"}, .await_ready = true});
  EXPECT_EQ(all.at("chat").argv.back(), "python a.py");
  EXPECT_EQ(all.at("guard").argv.back(), "python b.py");
  EXPECT_TRUE(all.at("guard").says_ready);
  EXPECT_FALSE(all.contains("train"));
}

TEST(ProcessBinding, VariableBeforeACommandIsNoTenant) {
  const Bound all = bound({.online = {"HIP_VISIBLE_DEVICES=1 python a.py"}});
  EXPECT_EQ(all.at("chat").argv.back(), "HIP_VISIBLE_DEVICES=1 python a.py");
}

TEST(ProcessBinding, TargetsOfOneNameAreOneTenant) {
  const Bound all =
      bound({.online_pids = {"4711"}, .offline_pids = {"train=4712", "train=tree:4800"}});
  ASSERT_EQ(all.at("chat").existing.size(), 1U);
  EXPECT_EQ(all.at("chat").existing[0].pid, Pid(4711));
  ASSERT_EQ(all.at("train").existing.size(), 2U);
  EXPECT_EQ(all.at("train").existing[1].by, kfd::TargetSelector::By::kTree);
  EXPECT_TRUE(all.at("train").argv.empty());
}

TEST(ProcessBinding, WhatCannotBeMeantIsRefused) {
  EXPECT_NE(refusal({.offline = {"a", "b"}}).find("every such tenant"), std::string::npos);
  EXPECT_NE(refusal({.offline = {"chat=a"}}).find("of the other class; the scenario has train"),
            std::string::npos);
  EXPECT_NE(refusal({.online = {"chat=a", "chat=b"}}).find("has somebody already"),
            std::string::npos);
  EXPECT_NE(refusal({.offline = {"a"}, .offline_pids = {"train=4711"}}).find("somebody already"),
            std::string::npos);
  EXPECT_NE(refusal({.online = {"chat= "}}).find("it is empty"), std::string::npos);
  EXPECT_NE(refusal({.online_pids = {"0"}}).find("reading --online-pid '0'"), std::string::npos);
}

TEST(RunProcesses, AreRefusedWhereModelsRun) {
  for (const char* const option : {"--online 'sleep 1'", "--offline-pid 4711", "--dry-run"}) {
    const Finished finished = gpreempt(std::string("run ") + option);
    EXPECT_EQ(finished.exit_code, 2) << option;
    EXPECT_NE(finished.err.find("add --backend kfd"), std::string::npos) << finished.err;
  }
}

TEST(RunProcesses, TimesThatAreNoneAreRefused) {
  const Finished finished = gpreempt("run --backend kfd --settle soon");
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("reading --settle 'soon'"), std::string::npos) << finished.err;
}

TEST(RunProcesses, OnlyCommandsAreShownTheGpusOfTheEnvironment) {
  kfd::LinuxOs os;
  const ProcessOptions found{.online_pids = {"4711", "guard=4712"}, .offline_pids = {"4713"}};
  EXPECT_FALSE(starts_commands(bound(found)));
  EXPECT_FALSE(controller_options(os, found, bound(found)).backend.for_programs);
  const ProcessOptions mixed{.offline = {"b"}, .online_pids = {"4711", "guard=4712"}};
  EXPECT_TRUE(starts_commands(bound(mixed)));
  EXPECT_TRUE(controller_options(os, mixed, bound(mixed)).backend.for_programs);
  EXPECT_EQ(controller_options(os, {.device = "/x"}, {}).backend.device, "/x");
}

TEST(RunProcesses, MachineWithoutAGpuIsToldApartAndTheDoctorNamed) {
  const Finished finished =
      gpreempt("run --backend kfd --device /nowhere/kfd --online 'sleep 1' --offline 'sleep 1'");
  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_TRUE(finished.out.empty());
  EXPECT_NE(finished.err.find("gpreempt doctor"), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace gpreempt::cli
