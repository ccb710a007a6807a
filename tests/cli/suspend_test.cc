// Goal: `suspend` and `resume` as a user runs them: the plan names whom it disturbs, and bad input
// is told apart. Method: saved trees; acting on one is never tried.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/suspend_plan.h"
#include "core/error.h"
#include "core/ids.h"
#include "tests/cli/executable.h"

namespace gpreempt::cli {
namespace {

using testing::Finished;
using testing::fresh_folder;
using testing::gpreempt;

/// Two GPUs, a training process on the first and whoever a test adds.
class SuspendVerb : public ::testing::Test {
 protected:
  SuspendVerb() : top_(fresh_folder()) {
    for (const auto& [node, gpu] : {std::pair(1, 63420), std::pair(2, 6699)}) {
      const std::string folder = fmt::format("sys/class/kfd/kfd/topology/nodes/{}/", node);
      put(folder + "gpu_id", fmt::format("{}\n", gpu));
      put(folder + "properties",
          "simd_count 320\nsimd_per_cu 4\nnum_cp_queues 24\nmax_engine_clk_fcompute 2100\n"
          "num_xcc 4\nhive_id 4660\n");
    }
    put_process(4711, "python3");
    put_queue(4711, 0, 63420, 4096, 0);
    put_queue(4711, 1, 63420, 1048576, 0);
    put_queue(4711, 2, 63420, 1048576, 1);
  }
  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((top_ / path).parent_path());
    testing::write_file(top_ / path, text);
  }
  void put_process(int pid, const std::string& name, int tracer = 0) {
    put(fmt::format("proc/{}/status", pid),
        fmt::format("Name:\t{}\nState:\tS (sleeping)\nTgid:\t{}\nPPid:\t1\nTracerPid:\t{}\n"
                    "NSpid:\t{}\n",
                    name, pid, tracer, pid));
    put(fmt::format("proc/{}/comm", pid), name + "\n");
    put(fmt::format("proc/{}/cmdline", pid), name);
    put(fmt::format("sys/class/kfd/kfd/proc/{}/pasid", pid), "1");
  }
  void put_queue(int pid, int id, int gpu, int bytes, int type) {
    const std::string folder = fmt::format("sys/class/kfd/kfd/proc/{}/", pid);
    put(folder + fmt::format("vram_{}", gpu), "0");
    put(folder + fmt::format("queues/{}/gpuid", id), fmt::format("{}", gpu));
    put(folder + fmt::format("queues/{}/size", id), fmt::format("{}", bytes));
    put(folder + fmt::format("queues/{}/type", id), fmt::format("{}", type));
  }
  Finished run(const std::string& verb, const std::string& more = "4711") {
    return gpreempt(fmt::format("{} --sysroot '{}' {}", verb, top_.string(), more));
  }

  std::filesystem::path top_;
};

TEST_F(SuspendVerb, PlanShowsWhatIsTakenOffAndWhatIsLeft) {
  const Finished finished = run("suspend");
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(finished.out,
            "pid      name  queue   GPU      role   ring         is\n"
            "4711  python3      0  f7bc  internal  4 KiB  suspended\n"
            "4711  python3      1  f7bc      user  1 MiB  suspended\n"
            "4711  python3      2  f7bc      sdma  1 MiB    left on\n"
            "preempts\n"
            "  GPU f7bc of hive 1234: by each suspend and resume\n"
            "disturbs\n"
            "  nobody else\n"
            "warning: pid 4711: its SDMA queue is not suspended with its compute queues: its "
            "copies go on\n");
}

TEST_F(SuspendVerb, PlanNamesBystandersUnlessTheUserDid) {
  put_process(812, "vllm");
  put_queue(812, 0, 63420, 1048576, 0);
  put_process(900, "other");
  put_queue(900, 0, 6699, 1048576, 0);
  const Finished finished = run("suspend", "4711 --bystander 812 --format json");
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  const auto document = nlohmann::json::parse(finished.out);
  ASSERT_EQ(document["radius"]["bystanders"].size(), 1U);
  EXPECT_EQ(document["radius"]["bystanders"][0]["pid"], 900);
  EXPECT_EQ(document["radius"]["bystanders"][0]["how"], "reset");
  EXPECT_EQ(document["end"], nullptr);
  ASSERT_EQ(document["targets"].size(), 1U);
  int suspended = 0;
  for (const auto& queue : document["targets"][0]["queues"]) {
    suspended += queue["suspended"].get<bool>() ? 1 : 0;
    EXPECT_EQ(queue["suspended"], queue["role"] != "sdma");
  }
  EXPECT_EQ(suspended, 2);
}

TEST_F(SuspendVerb, ActingOnAnUnnamedBystanderIsRefused) {
  SuspendPlan plan;
  plan.radius.bystanders = {
      {.pid = Pid(812), .name = "vllm", .gpus = {GpuId(0xf7bc)}, .queues = 1}};
  const auto refused = check_bystanders(plan, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kInvalidArgument);
  EXPECT_EQ(refused.error().what,
            "suspend: pid 812 (vllm): 1 queue on GPU f7bc is preempted by each suspend and resume; "
            "name those that may be, as --bystander 812, or add --allow-bystanders");
  EXPECT_TRUE(check_bystanders(plan, {.allow_bystanders = true}));
  EXPECT_TRUE(check_bystanders({}, {}));
  EXPECT_FALSE(check_bystanders({.blind = "it sees nothing"}, {}));
}

TEST_F(SuspendVerb, WatchOptionsThatMakeNoSenseAreRefused) {
  EXPECT_EQ(run("suspend", "4711 --kernel-log dmesg").exit_code, 2);
  EXPECT_EQ(run("suspend", "4711 --back-off soon").exit_code, 2);
  EXPECT_EQ(run("suspend", "4711 --kernel-log none --back-off 0s --exclusive-hive").exit_code, 0);
}

TEST_F(SuspendVerb, QueueThatIsNotThereIsNamedWithThoseThatAre) {
  const Finished finished = run("suspend", "4711 --queue 9");
  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_EQ(finished.err,
            "gpreempt: suspend queue 9 of pid 4711: there is none; it has queues 0 1 2\n");
}

TEST_F(SuspendVerb, SdmaQueueIsTakenOffOnlyByItsId) {
  const Finished finished = run("suspend", "4711 --queue 2");
  EXPECT_NE(finished.out.find("sdma  1 MiB  suspended"), std::string::npos) << finished.out;
  EXPECT_NE(finished.out.find("user  1 MiB    left on"), std::string::npos) << finished.out;
}

TEST_F(SuspendVerb, ChoiceOfAnInternalQueueOnlyIsWarnedOf) {
  const Finished finished = run("suspend", "4711 --queue 0");
  EXPECT_NE(finished.out.find("warning: only 1 internal queue of pid 4711 would be suspended"),
            std::string::npos)
      << finished.out;
}

TEST_F(SuspendVerb, QueuesOfSecondaryContextsAreDisturbedToo) {
  put_process(812, "vllm");
  const std::string queue = "sys/class/kfd/kfd/proc/812/context_1/queues/0/";
  put(queue + "gpuid", "63420");
  put(queue + "size", "1048576");
  put(queue + "type", "0");
  const Finished finished = run("suspend");
  EXPECT_NE(finished.out.find("pid 812 (vllm): 1 queue on GPU f7bc is preempted"),
            std::string::npos)
      << finished.out;
}

TEST_F(SuspendVerb, NameCannotCommandTheTerminal) {
  put_process(812, "x\x1b[1A\x1b[2Kevil");
  put_queue(812, 0, 63420, 1048576, 0);
  const Finished finished = run("suspend");
  EXPECT_EQ(finished.out.find('\x1b'), std::string::npos);
  EXPECT_NE(finished.out.find("pid 812 (x?[1A?[2Kevil)"), std::string::npos) << finished.out;
}

TEST_F(SuspendVerb, GraceThatTheDriverCannotTakeIsRefusedBeforeAnythingIsDone) {
  const Finished finished = run("suspend", "4711 --grace 5s");
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("reading --grace"), std::string::npos) << finished.err;
}

TEST_F(SuspendVerb, TargetThatIsTracedIsWarnedOf) {
  put_process(4711, "python3", 4003);
  EXPECT_NE(run("suspend").out.find("warning: pid 4711 is traced by 4003"), std::string::npos);
}

TEST_F(SuspendVerb, LauncherThatUsesNoGpuIsLeftOutBesideItsWorkers) {
  put_process(4700, "python3");
  const Finished finished = run("suspend", "command:python3");
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(finished.out.find("4700"), std::string::npos) << finished.out;
}

TEST_F(SuspendVerb, TargetWithoutAQueueIsRefused) {
  put_process(4700, "bash");
  const Finished finished = run("suspend", "4700");
  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_NE(finished.err.find("pid 4700: it has no compute queue"), std::string::npos);
}

TEST_F(SuspendVerb, QueueIdsOfSeveralTargetsAreRefused) {
  put_process(4712, "python3");
  put_queue(4712, 0, 63420, 1048576, 0);
  const Finished finished = run("suspend", "4711 4712 --queue 0");
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("reading --queue: an id means a queue of one process"),
            std::string::npos)
      << finished.err;
}

TEST_F(SuspendVerb, MissingProcessAndTreeAreTold) {
  EXPECT_EQ(run("suspend", "99").exit_code, 3);
  const Finished finished = gpreempt("suspend --sysroot /nowhere 4711");
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("read --sysroot /nowhere"), std::string::npos);
}

TEST_F(SuspendVerb, DurationsAreChecked) {
  for (const std::string bad : {"--for 0s", "--for 5", "--grace soon", "--slow never"}) {
    const Finished finished = run("suspend", "4711 " + bad);
    EXPECT_EQ(finished.exit_code, 2) << bad;
    EXPECT_NE(finished.err.find("reading " + bad.substr(0, bad.find(' '))), std::string::npos)
        << finished.err;
  }
}

TEST_F(SuspendVerb, ResumeSaysWhoHoldsATarget) {
  put_process(4711, "python3", 9001);
  put("proc/9001/status", "Name:\tgpreempt\nTgid:\t9000\nPid:\t9001\n");
  const Finished finished = run("resume");
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(finished.out, "pid 4711: held by pid 9000\n");
  const auto document = nlohmann::json::parse(run("resume", "4711 --format json").out);
  EXPECT_EQ(document["results"][0]["holder"], 9000);
  EXPECT_EQ(document["results"][0]["error"], nullptr);
}

TEST_F(SuspendVerb, ResumeOfWhatNobodyHoldsIsDone) {
  const Finished finished = run("resume");
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_EQ(finished.out, "pid 4711: nobody holds it\n");
}

}  // namespace
}  // namespace gpreempt::cli
