// Goal: `doctor` as a user runs it: what a saved tree says decides text, JSON and exit code.
// Method: a tree of a healthy machine in a folder, with one file changed.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/cli/executable.h"

namespace gpreempt::cli {
namespace {

using testing::Finished;
using testing::fresh_folder;
using testing::gpreempt;

class DoctorVerb : public ::testing::Test {
 protected:
  DoctorVerb() : top_(fresh_folder()) {
    put("sys/module/amdgpu/version", "6.12.12\n");
    for (const std::string zero : {"mes", "sched_policy", "halt_if_hws_hang"}) {
      put("sys/module/amdgpu/parameters/" + zero, "0\n");
    }
    put("sys/module/amdgpu/parameters/cwsr_enable", "1\n");
    const std::string node = "sys/class/kfd/kfd/topology/nodes/1/";
    put(node + "gpu_id", "63420\n");
    put(node + "properties",
        "simd_count 320\nsimd_per_cu 4\ngfx_target_version 90402\nnum_cp_queues 24\n"
        "max_engine_clk_fcompute 2100\ncapability 671199872\nnum_xcc 4\n");
    put("proc/4711/status", "Name:\tpython3\nState:\tS (sleeping)\nTgid:\t4711\nTracerPid:\t0\n");
  }
  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((top_ / path).parent_path());
    testing::write_file(top_ / path, text);
  }
  Finished doctor(const std::string& more = {}) {
    return gpreempt(fmt::format("doctor --sysroot '{}' {}", top_.string(), more));
  }

  std::filesystem::path top_;
};

TEST_F(DoctorVerb, HasNothingAgainstAHealthyTree) {
  const Finished finished = doctor("--pid 4711");
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  EXPECT_NE(finished.out.find("AMD's package 6.12.12: "), std::string::npos);
  EXPECT_NE(finished.out.find("a saved tree has no device"), std::string::npos);
  EXPECT_NE(finished.out.find("GPU f7bc"), std::string::npos);
  EXPECT_NE(finished.out.find("TracerPid is 0"), std::string::npos);
  EXPECT_EQ(finished.out.find("blocked"), std::string::npos) << finished.out;
}

nlohmann::json kernel_log_in(const std::string& text) {
  const auto document = nlohmann::json::parse(text);
  for (const auto& finding : document["findings"]) {
    if (finding["id"] == "kernel-log") {
      return finding;
    }
  }
  return {};
}

TEST_F(DoctorVerb, SavedTreeHasNoKernelLog) {
  EXPECT_EQ(kernel_log_in(doctor("--format json").out)["verdict"], "unknown");
}

TEST(DoctorOfThisMachine, KernelLogIsBlockedWhereItCannotBeReadAndTheFixNamesWhatHelps) {
  const auto finding = kernel_log_in(gpreempt("doctor --format json").out);
  const int file = ::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file >= 0) {
    ::close(file);
    EXPECT_TRUE(finding["verdict"] == "ok" || finding["verdict"] == "warning") << finding;
  } else {
    EXPECT_EQ(finding["verdict"], "blocked");
    EXPECT_NE(finding["reason"].get<std::string>().find("--kernel-log none"), std::string::npos);
    EXPECT_NE(finding["fix"].get<std::string>().find("/dev/kmsg"), std::string::npos) << finding;
  }
}

TEST_F(DoctorVerb, PutsWhatBlocksFirstWithItsFixBelow) {
  put("sys/module/amdgpu/parameters/cwsr_enable", "0\n");
  const Finished finished = doctor();
  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_TRUE(finished.out.starts_with("blocked  cwsr ")) << finished.out;
  const auto fix = finished.out.find("fix: put `options amdgpu cwsr_enable=1`");
  EXPECT_NE(fix, std::string::npos) << finished.out;
  EXPECT_LT(fix, finished.out.find("\nunknown"));
  EXPECT_NE(finished.out.find("\nverdict: blocked (1 blocked, "), std::string::npos);
}

TEST_F(DoctorVerb, KeepsItsJsonSchema) {
  put("sys/module/amdgpu/parameters/sched_policy", "2\n");
  const Finished finished = doctor("--format json");
  EXPECT_EQ(finished.exit_code, 3);
  const auto report = nlohmann::json::parse(finished.out);
  EXPECT_EQ(report["schema"], 1);
  EXPECT_EQ(report["verdict"], "blocked");
  bool found = false;
  for (const auto& finding : report["findings"]) {
    EXPECT_EQ(finding.size(), 5U);
    for (const std::string key : {"id", "subject", "verdict", "reason", "fix"}) {
      EXPECT_TRUE(finding[key].is_string()) << key;
    }
    found = found || (finding["id"] == "sched-policy" && finding["verdict"] == "blocked");
  }
  EXPECT_TRUE(found);
}

TEST_F(DoctorVerb, TakesAnyBytesOfAnotherMachine) {
  put("sys/module/amdgpu/version", "\xff\xfe\n");
  EXPECT_EQ(doctor("--format json").exit_code, 0);
}

TEST_F(DoctorVerb, SaysThatAProcessIsNotThere) {
  const Finished finished = doctor("--pid 4712");
  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_NE(finished.out.find("/proc/4712/status: there is no such file"), std::string::npos);
}

TEST_F(DoctorVerb, RefusesWhatMakesNoSense) {
  EXPECT_EQ(gpreempt("doctor --pid 0").exit_code, 2);
  EXPECT_EQ(gpreempt("doctor --format xml").exit_code, 2);
  const Finished finished = gpreempt("doctor --sysroot /nowhere/at-all");
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("--sysroot /nowhere/at-all"), std::string::npos);
}

TEST_F(DoctorVerb, LooksAtThisMachineToo) {
  const Finished finished = gpreempt(fmt::format("doctor --pid {} --format json", ::getpid()));
  EXPECT_TRUE(finished.exit_code == 0 || finished.exit_code == 3) << finished.err;
  const auto report = nlohmann::json::parse(finished.out);
  EXPECT_EQ(finished.exit_code == 3, report["verdict"] == "blocked");
}

}  // namespace
}  // namespace gpreempt::cli
