// Goal: the kit stops by itself, by the rules of a shared machine, and says what to do. Method: a
// tool that fails, hangs or makes the kernel's log tell of a reset where a test says so; and the
// real tool on a machine without a GPU.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/kit/kit.h"

namespace gpreempt::kit {
namespace {

class Stop : public KitTest {
 protected:
  /// As on hardware, with a kernel log and processes that have queues.
  [[nodiscard]] Ended on_hardware(const std::string& arguments) {
    std::ofstream(folder() / "klog", std::ios::app);
    std::filesystem::create_directories(folder() / "proc" / "4711");
    const std::string at = folder().string();
    return with_fake(arguments,
                     "BACKEND=kfd KERNEL_LOG=\"cat '" + at + "/klog'\" KFD_PROC='" + at + "/proc'");
  }
};

TEST_F(Stop, AResetInTheKernelLogEndsTheStepAndRescues) {
  // The line is amdgpu's own (amdgpu_device.c, amdgpu_device_gpu_recover).
  hook(R"(if [[ $1 == conformance ]]; then
  trap 'echo given back >>"$FAKE/calls"; exit 0' TERM
  echo '[  100.0] amdgpu 0000:01:00.0: amdgpu: GPU reset begin!' >>"$FAKE/klog"
  while :; do read -r -t 1 <> <(:) || true; done
fi)");
  const Ended ended = on_hardware("");
  EXPECT_EQ(ended.exit_code, 3) << ended.text;
  EXPECT_NE(ended.text.find("GPU reset begin!"), std::string::npos) << ended.text;
  EXPECT_EQ(calls_of("given back"), 1U);
  EXPECT_EQ(calls_of("rescue 4711"), 1U);
  EXPECT_EQ(calls_of("validate-hardware"), 0U);
  EXPECT_NE(text_of(day() / "stopped.txt").find("conformance"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(day() / "state" / "conformance.stamp"));
}

TEST_F(Stop, AKernelLogThatCannotBeReadAnyMoreEndsTheStep) {
  hook(R"(if [[ $1 == conformance ]]; then
  trap 'echo given back >>"$FAKE/calls"; exit 0' TERM
  rm "$FAKE/klog"
  while :; do read -r -t 1 <> <(:) || true; done
fi)");
  const Ended ended = on_hardware("");
  EXPECT_EQ(ended.exit_code, 3) << ended.text;
  EXPECT_NE(ended.text.find("cannot be read or judged any more"), std::string::npos) << ended.text;
  EXPECT_EQ(calls_of("given back"), 1U);
}

TEST_F(Stop, AToolThatDoesNotJudgeTheKernelLogIsRefused) {
  hook("true");
  std::ofstream(folder() / "unable");
  const Ended ended = on_hardware("");
  EXPECT_EQ(ended.exit_code, 3) << ended.text;
  EXPECT_NE(ended.text.find("does not judge the kernel's log"), std::string::npos) << ended.text;
  EXPECT_EQ(calls_of("conformance"), 0U);
}

TEST_F(Stop, WhoeverCannotBeRescuedIsNamed) {
  hook(
      "if [[ $1 == conformance ]]; then exit 4; fi\n"
      "if [[ $1 == rescue ]]; then echo 'gpreempt: not permitted'; exit 3; fi");
  const Ended ended = on_hardware("");
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_NE(ended.text.find("these may still be held, see above: 4711"), std::string::npos)
      << ended.text;
  EXPECT_EQ(ended.text.find("every queue was given back"), std::string::npos) << ended.text;
}

TEST_F(Stop, AnOldResetDoesNotStop) {
  std::ofstream(folder() / "klog") << "[1.0] amdgpu 0000:01:00.0: amdgpu: GPU reset begin!\n";
  const Ended ended = on_hardware("--only doctor");
  EXPECT_EQ(ended.exit_code, 0) << ended.text;
  EXPECT_NE(ended.text.find("already has 1 lines"), std::string::npos) << ended.text;
}

TEST_F(Stop, ALineAboutSomethingElseDoesNotStop) {
  hook(
      "echo '[2.0] amdgpu 0000:01:00.0: amdgpu: ring comp_1.0.0 uses VM inv eng 1' "
      ">>\"$FAKE/klog\"");
  EXPECT_EQ(on_hardware("--only doctor").exit_code, 0);
  EXPECT_EQ(calls_of("doctor"), 2U);  // as JSON, and for people
}

TEST_F(Stop, AKernelLogThatCannotBeReadIsRefusedBeforeAnythingRuns) {
  const Ended ended = with_fake("", "BACKEND=kfd KERNEL_LOG='echo no permission >&2; false'");
  EXPECT_EQ(ended.exit_code, 3) << ended.text;
  EXPECT_NE(ended.text.find("no permission"), std::string::npos) << ended.text;
  EXPECT_TRUE(calls().empty());
}

TEST_F(Stop, AnExitCodeAboveOneStopsWithTheToolsLastWord) {
  hook(
      "if [[ $1 == conformance ]]; then echo 'gpreempt: the second suspend: ERROR for queue "
      "3'; exit 3; fi");
  const Ended ended = on_hardware("");
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_NE(ended.text.find("ERROR for queue 3"), std::string::npos) << ended.text;
  EXPECT_EQ(calls_of("validate-hardware"), 0U);
}

TEST_F(Stop, AnExperimentThatThisMachineCannotMakeDoesNotStop) {
  hook(
      "if [[ \"$1 $2\" == 'experiment alpha' ]]; then mkdir -p \"${@: -1}\"; echo '{\"verdict\":"
      "\"unavailable\"}' >\"${@: -1}/verdicts.json\"; echo 'skipped: add --exclusive-hive'; exit "
      "3; fi");
  const Ended ended = on_hardware("");
  EXPECT_EQ(ended.exit_code, 1) << ended.text;
  EXPECT_NE(ended.text.find("not answerable"), std::string::npos) << ended.text;
  EXPECT_EQ(calls_of("experiment beta"), 1U);
}

TEST_F(Stop, AnExperimentInWhichTheHardwareFailedStops) {
  hook(
      "if [[ \"$1 $2\" == 'experiment alpha' ]]; then mkdir -p \"${@: -1}\"; echo '{\"error\":"
      "\"hardware-failure\"}' >\"${@: -1}/verdicts.json\"; exit 3; fi");
  const Ended ended = on_hardware("");
  EXPECT_EQ(ended.exit_code, 3) << ended.text;
  EXPECT_EQ(calls_of("experiment beta"), 0U);
}

TEST_F(Stop, AFindingDoesNotStopAndIsToldAtTheEnd) {
  hook("if [[ $1 == validate-hardware ]]; then echo '3 met, 2 missed'; exit 1; fi");
  const Ended ended = on_hardware("");
  EXPECT_EQ(ended.exit_code, 1) << ended.text;
  EXPECT_NE(ended.text.find("3 met, 2 missed"), std::string::npos) << ended.text;
  EXPECT_EQ(calls_of("experiment beta"), 1U);
}

// timeout(1) says 124 for what it has ended.
TEST_F(Stop, AStepOverItsLimitStops) {
  hook("if [[ $1 == run ]]; then exit 124; fi");
  const Ended ended = on_hardware("--only soak-2-streams-10-hz --limit soak-2-streams-10-hz=7");
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_NE(ended.text.find("took longer than its limit of 7 s"), std::string::npos) << ended.text;
}

TEST_F(Stop, AnInterruptGivesBackWhatTheStepHolds) {
  hook(R"(if [[ $1 == conformance ]]; then
  trap 'echo given back >>"$FAKE/calls"; exit 0' TERM
  kill -TERM "$kit"
  while :; do read -r -t 1 <> <(:) || true; done
fi)");
  const Ended ended = on_hardware("");
  EXPECT_EQ(ended.exit_code, 130) << ended.text;
  EXPECT_EQ(calls_of("given back"), 1U);
  EXPECT_EQ(calls_of("rescue 4711"), 1U);
}

TEST_F(Stop, WithoutAGpuItSaysWhatIsMissing) {
  if (std::filesystem::exists("/dev/kfd")) {
    GTEST_SKIP() << "this machine has /dev/kfd";
  }
  const Ended ended = with_tool("", "BACKEND=kfd KERNEL_LOG=true");
  EXPECT_EQ(ended.exit_code, 3) << ended.text;
  EXPECT_NE(ended.text.find("doctor ended with exit code 3"), std::string::npos) << ended.text;
  EXPECT_NE(text_of(day() / "logs" / "doctor.log").find("blocked  kfd-device"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(day() / "results" / "validate-hardware"));
}

}  // namespace
}  // namespace gpreempt::kit
