// Goal: whatever is wrong with the input is refused with exit 2 and a sentence that says where and
// what; nothing is printed on stdout. Each case runs the command.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "tests/cli/executable.h"

namespace gpreempt::cli {
namespace {

using testing::Finished;
using testing::fresh_folder;
using testing::gpreempt;
using testing::small_scenario;
using testing::write_file;

constexpr std::string_view kTraceHead = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

void expect_refused(const Finished& finished, const std::string& part) {
  EXPECT_EQ(finished.exit_code, 2) << finished.err;
  EXPECT_NE(finished.err.find(part), std::string::npos)
      << "no '" << part << "' in: " << finished.err;
  EXPECT_TRUE(finished.out.empty()) << finished.out;
}

class BadInput : public ::testing::Test {
 protected:
  std::string scenario(std::string_view text) { return write_file(folder_ / "bad.toml", text); }
  Finished run_trace(std::string_view rows) {
    const std::string trace = write_file(folder_ / "t.csv", rows);
    return gpreempt("run azure-conv-mi308x --quiet --trace " + trace);
  }
  static std::string replaced(std::string text, std::string_view what, std::string_view with) {
    return text.replace(text.find(what), what.size(), with);
  }

  std::filesystem::path folder_ = fresh_folder();
};

TEST_F(BadInput, MissingScenarioNamesTheNearestBuiltInOne) {
  expect_refused(gpreempt("run defalt"), "'default'");
}

TEST_F(BadInput, MissingTraceIsNamed) {
  expect_refused(gpreempt("run azure-conv-mi308x --trace no-such.csv"), "no-such.csv");
}

TEST_F(BadInput, NoTraceAtAllSaysHowToGiveOne) {
  expect_refused(gpreempt("run azure-conv-mi308x"), "--trace FILE");
}

TEST_F(BadInput, MalformedTomlHasFileAndLine) {
  const std::string file = scenario("schema = 1\nname = [\n");
  expect_refused(gpreempt("run " + file), file + ":2:");
}

TEST_F(BadInput, NegativeRateHasFileAndLine) {
  const std::string file = scenario(small_scenario("-5/s"));
  expect_refused(gpreempt("run " + file), file + ":14:");
}

TEST_F(BadInput, UnknownKeyNamesTheNearestOne) {
  const std::string file = scenario(replaced(small_scenario("5/s"), "drain =", "drian ="));
  expect_refused(gpreempt("run " + file), "drain");
}

TEST_F(BadInput, UnknownPolicyNamesTheNearestOne) {
  expect_refused(gpreempt("run --policy suspnd"), "'suspend'");
}

TEST_F(BadInput, UnknownMechanismNamesTheNearestOne) {
  expect_refused(gpreempt("run --mechanism suspend-queue"), "'suspend-queues'");
}

TEST_F(BadInput, UnknownBackendNamesTheNearestOne) {
  expect_refused(gpreempt("run --backend smi"), "'sim'");
}

TEST_F(BadInput, UnknownPersonalityNamesTheNearestOne) {
  expect_refused(gpreempt("run --backend sim:personality=dkms-6.12.13"), "'dkms-6.12.12'");
}

TEST_F(BadInput, UnknownModelNamesTheNearestOne) {
  expect_refused(gpreempt("run --backend sim:mi38x"), "'mi308x'");
}

TEST_F(BadInput, AFolderIsNoScenario) {
  expect_refused(gpreempt("run " + folder_.string()), "it is a folder");
}

TEST_F(BadInput, GraceBeyondTheHardwareIsRefusedWithTheMaximum) {
  // 255 units of 1000 clocks at 1.65 GHz are 154,545 ns.
  const std::string text = small_scenario("5/s");
  const std::string refused =
      scenario(replaced(text, "[scheduler]", "[scheduler]\ngrace = \"1ms\""));
  expect_refused(gpreempt("run --gate " + refused), "154545 ns");
  const std::string held =
      scenario(replaced(text, "[scheduler]", "[scheduler]\ngrace = \"154545ns\""));
  const Finished finished = gpreempt("run --quiet --gate " + held);
  EXPECT_EQ(finished.exit_code, 0) << finished.err << finished.out;
}

TEST_F(BadInput, LeaseBelowAMillisecondHasFileAndLine) {
  const std::string file =
      scenario(replaced(small_scenario("5/s"), "[scheduler]", "[scheduler]\nlease = \"500us\""));
  expect_refused(gpreempt("run " + file), file + ":10:9: ");
}

TEST_F(BadInput, OptionsOfAnUnknownPolicyNameTheNearestOne) {
  const std::string file =
      scenario(replaced(small_scenario("5/s"), "[[online]]",
                        "[scheduler.options]\nlingr = { hold = 1 }\n[[online]]"));
  expect_refused(gpreempt("run " + file), "'linger'");
}

TEST_F(BadInput, TraceOfOneRequestAsksForADuration) {
  const std::string rows = std::string(kTraceHead) + "2023-11-16 18:17:03.0000000,100,1\n";
  expect_refused(run_trace(rows), "--duration");
  EXPECT_EQ(gpreempt("run azure-conv-mi308x --quiet --duration 1s --trace " +
                     (folder_ / "t.csv").string())
                .exit_code,
            0);
}

TEST_F(BadInput, MechanismThatTheBackendLacksIsRefusedWithItsReason) {
  for (const char* name : {"queue-percent", "priority", "cu-mask", "launch-throttle:k=8",
                           "kernel-boundary", "reset", "sigstop", "selective-unmap"}) {
    expect_refused(gpreempt(std::string("run --quiet --backend vkfd --mechanism ") + name),
                   std::string("use mechanism '") + name);
  }
}

TEST_F(BadInput, MechanismWithWrongOptionsIsRefused) {
  expect_refused(gpreempt("run --mechanism launch-throttle:8,4"), "key=value");
  expect_refused(gpreempt("run --mechanism cu-mask:share=0%"), "more than 0%");
  expect_refused(gpreempt("run --mechanism suspend-queues:k=8"), "takes no options");
}

TEST_F(BadInput, EmptyTraceIsRefused) {
  expect_refused(run_trace(""), "t.csv");
  expect_refused(run_trace(kTraceHead), "t.csv");
}

TEST_F(BadInput, TraceWithTimesOutOfOrderHasFileAndLine) {
  expect_refused(run_trace(std::string(kTraceHead) + "2023-11-16 18:17:04.0000000,10,1\n" +
                           "2023-11-16 18:17:03.0000000,10,1\n"),
                 "t.csv:3");
}

TEST_F(BadInput, TraceWithATruncatedLineHasFileAndLine) {
  expect_refused(run_trace(std::string(kTraceHead) + "2023-11-16 18:17:03.0000000,10,1\n" +
                           "2023-11-16 18:17:04.0000000,1"),
                 "t.csv:3");
}

TEST_F(BadInput, TraceForAScenarioWithoutOneIsRefused) {
  expect_refused(gpreempt("run --trace some.csv"), "no tenant with arrivals of kind");
}

TEST_F(BadInput, UnstableLoadIsRefusedWithItsUtilisation) {
  // 10 ms requests at 100/s need the whole GPU.
  const std::string file = scenario(small_scenario("100/s"));
  expect_refused(gpreempt("run " + file), "100.0 %");
}

TEST_F(BadInput, DurationWithinTheWarmUpIsRefused) {
  expect_refused(gpreempt("run --duration 500ms"), "warm-up");
}

TEST_F(BadInput, GateWithoutLimitsIsRefused) {
  const std::string text =
      replaced(small_scenario("5/s"), R"(online_latency = ["50ms", "10ms"])", "");
  const std::string file = scenario(replaced(text, R"(offline_loss = ["20%"])", ""));
  expect_refused(gpreempt("run --gate " + file), "[slo]");
}

TEST_F(BadInput, MoreQueuesThanADriverGivesAProcessAreRefused) {
  const std::string file =
      scenario(replaced(small_scenario("5/s"), "priority = 15", "priority = 15\nqueues = 2000"));
  expect_refused(gpreempt("run --quiet " + file), "queues");
}

TEST_F(BadInput, APolicyThatIsNotToldOfRequestsIsRefusedWithTheFix) {
  const std::string file =
      scenario(replaced(small_scenario("5/s"), R"(detection = "hint")", R"(detection = "poll")"));
  expect_refused(gpreempt("run --quiet --policy coalesce " + file), R"(detection = "hint")");
}

TEST_F(BadInput, APolicyWithoutDeadlinesIsRefusedWithTheFix) {
  const std::string file =
      scenario(replaced(small_scenario("5/s"), R"(online_latency = ["50ms", "10ms"])", ""));
  expect_refused(gpreempt("run --quiet --policy deadline " + file), R"(deadline = "50ms")");
}

TEST_F(BadInput, FolderThatHoldsSomethingElseIsRefused) {
  write_file(folder_ / "precious.txt", "do not touch");
  expect_refused(gpreempt("run --quiet --out " + folder_.string()), "run.json");
  EXPECT_EQ(testing::read_file(folder_ / "precious.txt"), "do not touch");
}

TEST_F(BadInput, FileInPlaceOfTheFolderIsRefused) {
  expect_refused(gpreempt("run --out " + write_file(folder_ / "file", "x")), "folder");
}

TEST(Environment, ABackendWithoutADeviceIsExitThree) {
  if (std::filesystem::exists("/dev/kfd")) {
    GTEST_SKIP() << "this machine has /dev/kfd";
  }
  const Finished finished = gpreempt("run --backend kfd");
  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_NE(finished.err.find("kfd"), std::string::npos) << finished.err;
}

TEST(Environment, AFullDiskIsExitThree) {
  if (!std::filesystem::exists("/dev/full")) {
    GTEST_SKIP() << "no /dev/full to write to";
  }
  const std::filesystem::path folder = fresh_folder() / "out";
  std::filesystem::create_directories(folder);
  std::filesystem::create_symlink("/dev/full", folder / "events.jsonl");
  write_file(folder / "run.json", R"({"tool": "gpreempt"})");
  const Finished finished = gpreempt("run --quiet --duration 2s --out " + folder.string());
  EXPECT_EQ(finished.exit_code, 3) << finished.err;
}

TEST(Environment, AFolderThatCannotBeMadeIsExitThree) {
  EXPECT_EQ(gpreempt("run --out /proc/none/out").exit_code, 3);
}

}  // namespace
}  // namespace gpreempt::cli
