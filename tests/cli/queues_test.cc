// Goal: `queues` as a user runs it on a saved tree: what is in the files is in the table and in the
// JSON, and what is wrong or missing decides message and exit code. Method: a tree of one GPU with
// two processes in a folder.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/executable.h"
#include "tests/kfd/discovery/saved_machine.h"

namespace gpreempt::cli {
namespace {

using testing::Finished;
using testing::fresh_folder;
using testing::gpreempt;

constexpr std::uint32_t kUserRing = 0x100000;
const std::string kContainer = "3f4a9c" + std::string(58, '1');

/// A trainer in a container that a controller (4000) traces: its compute queues are off. A server
/// on the host.
std::vector<kfd::SavedProcess> saved_processes() {
  std::vector<kfd::SavedProcess> processes = {
      {.pid = 4711,
       .newest_first = {kfd::saved_compute(2, kUserRing, 1), kfd::saved_sdma(1),
                        kfd::saved_compute(0, 4096, 0)}},
      {.pid = 812,
       .newest_first = {kfd::saved_compute(4, kUserRing, 2), kfd::saved_compute(3, kUserRing, 1),
                        kfd::saved_compute(1, 4096, 0)}}};
  // Each process has a slice of doorbells of its own.
  constexpr std::uint32_t kSlice = 2048;
  for (kfd::SavedQueue& queue : processes[1].newest_first) {
    queue.compute.doorbell_dword += kSlice;
  }
  for (const std::size_t compute : {0U, 2U}) {
    processes[0].newest_first[compute].mapped_xccs = 0;
    processes[0].newest_first[compute].on_runlist = false;
  }
  return processes;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream rest(text);
  for (std::string line; std::getline(rest, line);) {
    lines.push_back(line);
  }
  return lines;
}

/// With one space for several.
std::string squeezed(std::string text) {
  const auto both_spaces = [](char a, char b) { return a == ' ' && b == ' '; };
  text.erase(std::unique(text.begin(), text.end(), both_spaces), text.end());
  return text;
}

class QueuesVerb : public ::testing::Test {
 protected:
  QueuesVerb() : top_(fresh_folder()) {
    put("sys/module/amdgpu/version", "6.12.12\n");
    put("sys/module/amdgpu/taint", "OE\n");
    put("proc/4711/status", "Name:\tpython3\nPPid:\t50\nTracerPid:\t4003\nNSpid:\t4711\t12\n");
    put("proc/4711/cgroup", "0::/docker/" + kContainer + "\n");
    put("proc/4003/status", "Name:\tgpreempt\nTgid:\t4000\nPPid:\t1\nTracerPid:\t0\n");
    put("proc/812/status", "Name:\tvllm\nPPid:\t800\nTracerPid:\t0\nNSpid:\t812\n");
    put("proc/800/status", "Name:\tsh\nPPid:\t1\nTracerPid:\t0\nNSpid:\t800\n");
    put_queue(4711, 2, kUserRing, 0);
    put_queue(4711, 1, kUserRing, 1);
    put_queue(4711, 0, 4096, 0);
    put_queue(812, 2, kUserRing, 0);
    put_queue(812, 1, kUserRing, 0);
    put_queue(812, 0, 4096, 0);
    const auto processes = saved_processes();
    put("sys/kernel/debug/kfd/mqds", kfd::saved_mqds(processes));
    put("sys/kernel/debug/kfd/hqds", kfd::saved_hqds(processes));
    put("sys/kernel/debug/kfd/rls", kfd::saved_rls(processes));
  }
  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((top_ / path).parent_path());
    testing::write_file(top_ / path, text);
  }
  void put_queue(int pid, int id, std::uint32_t bytes, int type) {
    const std::string folder = fmt::format("sys/class/kfd/kfd/proc/{}/", pid);
    put(folder + "vram_63420", "0");
    put(fmt::format("{}queues/{}/gpuid", folder, id), "63420");
    put(fmt::format("{}queues/{}/size", folder, id), fmt::format("{}", bytes));
    put(fmt::format("{}queues/{}/type", folder, id), fmt::format("{}", type));
  }
  void remove(const std::string& path) { std::filesystem::remove_all(top_ / path); }
  Finished queues(const std::string& more = {}) {
    return gpreempt(fmt::format("queues --sysroot '{}' {}", top_.string(), more));
  }
  nlohmann::json json_of(const std::string& more = {}) {
    const Finished finished = queues(more + " --format json");
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    return nlohmann::json::parse(finished.out);
  }
  std::set<int> pids_of(const std::string& more) {
    std::set<int> pids;
    const auto report = json_of(more);
    for (const auto& queue : report["queues"]) {
      pids.insert(queue["pid"].get<int>());
    }
    return pids;
  }

  std::filesystem::path top_;
};

TEST_F(QueuesVerb, ShowsWhoOwnsWhatAndWhereInColumnsThatLineUp) {
  const Finished finished = queues();
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_EQ(finished.err, "");
  const std::vector<std::string> lines = lines_of(finished.out);
  ASSERT_GE(lines.size(), 9U);
  const std::vector<std::string> rows = {
      "pid inner container name id gpu role ring prio slots runlist activity backlog controlled by "
      "note",
      "812 vllm 2? f7bc user 1 MiB 7 0.3 x4 on maybe 0 [1]",
      "812 vllm 1? f7bc user 1 MiB 7 3.2 x4 on maybe 0 [1]",
      "812 vllm 0 f7bc internal 4 KiB 7 1.2 x4 on maybe 0",
      "4711 12 3f4a9c111111 python3 2 f7bc user 1 MiB 7 none off maybe 0 4000 gpreempt [2]",
      "4711 12 3f4a9c111111 python3 1 f7bc sdma 1 MiB - sdma1.0 on - - 4000 gpreempt",
      "4711 12 3f4a9c111111 python3 0 f7bc internal 4 KiB 7 none off maybe 0 4000 gpreempt [2]"};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(squeezed(lines[i]), rows[i]);
    // Where the GPU ends, it ends in every row.
    EXPECT_EQ(lines[i].substr(lines[0].find("gpu") - 1, 4), i == 0 ? " gpu" : "f7bc");
  }
  EXPECT_EQ(lines[7],
            "[1] inferred by order of creation and doorbell, if no queue was ever destroyed");
  EXPECT_EQ(lines[8],
            "[2] off: suspended by a debugger, evicted or set to 0 %; the driver does "
            "not say which");
  EXPECT_NE(finished.out.find("warning: pid 4711: its SDMA queue is not suspended"),
            std::string::npos);
  EXPECT_NE(finished.out.find("warning: pid 4711 is traced by thread 4003"), std::string::npos);
}

TEST_F(QueuesVerb, KeepsItsJsonSchema) {
  const auto report = json_of();
  EXPECT_EQ(report["schema"], 1);
  EXPECT_EQ(report["queues"].size(), 6U);
  EXPECT_EQ(report["warnings"].size(), 2U);
  EXPECT_EQ(report["warnings"][0]["pid"], 4711);
  EXPECT_TRUE(report["notes"].empty());
  const auto& user = report["queues"][3];
  const std::vector<std::string> keys = {
      "pid",       "inner_pid",      "container",       "name",          "controlled_by",
      "id",        "id_basis",       "id_reason",       "id_candidates", "gpu",
      "type",      "role",           "ring_bytes",      "doorbell_slot", "pipe_priority",
      "mqd_bases", "queue_priority", "mapping",         "slots",         "runlist",
      "suspended", "activity",       "backlog_packets", "backlog_grade"};
  EXPECT_EQ(user.size(), keys.size());
  for (const std::string& key : keys) {
    EXPECT_TRUE(user.contains(key)) << key;
  }
  EXPECT_EQ(user["inner_pid"], 12);
  EXPECT_EQ(user["container"], kContainer);
  EXPECT_EQ(user["controlled_by"]["pid"], 4000);
  EXPECT_EQ(user["id"], 2);
  EXPECT_EQ(user["id_basis"], "exact");
  EXPECT_EQ(user["gpu"], "f7bc");
  EXPECT_EQ(user["mapping"], "unmapped");
  EXPECT_EQ(user["suspended"], "possible");
  EXPECT_EQ(user["activity"], "maybe");
  const auto& sdma = report["queues"][4];
  EXPECT_EQ(sdma["type"], "sdma");
  EXPECT_EQ(sdma["slots"][0]["engine"], 1);
  const auto& mapped = report["queues"][0];
  EXPECT_EQ(mapped["id_basis"], "inferred");
  EXPECT_EQ(mapped["slots"].size(), 4U);
  EXPECT_EQ(mapped["slots"][3], (nlohmann::json{{"xcc", 3}, {"pipe", 0}, {"queue", 3}}));
  EXPECT_EQ(mapped["mqd_bases"][0], "0x8000640000");
}

TEST_F(QueuesVerb, TakesSelectorsPidsAndAGpu) {
  put("proc/4711/comm", "python3\n");
  EXPECT_EQ(pids_of("4711"), std::set{4711});
  EXPECT_EQ(pids_of("tree:800"), std::set{812});
  EXPECT_EQ(pids_of("container:3f4a9c/12"), std::set{4711});
  EXPECT_EQ(pids_of("tree:800 container:3f4a9c"), (std::set{812, 4711}));
  EXPECT_EQ(pids_of("--pid 812"), std::set{812});
  EXPECT_TRUE(pids_of("--pid 99").empty());
  EXPECT_EQ(pids_of("--gpu f7bc"), (std::set{812, 4711}));
  EXPECT_TRUE(pids_of("--gpu 1a2b").empty());
  EXPECT_EQ(queues("--pid 99").out, "no queues\n");
}

TEST_F(QueuesVerb, ShowsWhatSysfsHasWhereDebugfsIsMissing) {
  remove("sys/kernel");
  const Finished finished = queues("--pid 812");
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_NE(finished.err.find("{mqds, hqds, rls}: there is no such file"), std::string::npos);
  EXPECT_EQ(std::count(finished.err.begin(), finished.err.end(), '\n'), 1);
  EXPECT_NE(finished.out.find("internal  4 KiB     -      -"), std::string::npos) << finished.out;
  EXPECT_EQ(json_of()["notes"].size(), 1U);
}

TEST_F(QueuesVerb, SaysWhyAnIdIsNotKnown) {
  put("sys/module/amdgpu/version", "6.12.12-preempt\n");
  const Finished finished = queues("--pid 812");
  EXPECT_NE(finished.out.find("[1] no id: how this driver gives out ids is not known: "
                              "/sys/module/amdgpu/version has \"6.12.12-preempt\""),
            std::string::npos)
      << finished.out;
  const auto report = json_of("--pid 812");
  EXPECT_TRUE(report["queues"][0]["id"].is_null());
  EXPECT_EQ(report["queues"][0]["id_candidates"], (nlohmann::json{1, 2}));
  EXPECT_EQ(report["queues"][2]["id"], 0);
}

TEST_F(QueuesVerb, NamesFileAndLineOfWhatItDoesNotUnderstand) {
  put("sys/kernel/debug/kfd/hqds", "Node 2, gpu_id f7bc:\n Inst 0, Pipe 1\n");
  const Finished finished = queues();
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_EQ(finished.out, "");
  EXPECT_NE(finished.err.find("gpreempt: " + top_.string() + "/sys/kernel/debug/kfd/hqds:2:"),
            std::string::npos)
      << finished.err;
}

TEST_F(QueuesVerb, SaysThatThereIsNoDriverOrNoSuchProcess) {
  EXPECT_EQ(queues("tree:999").exit_code, 3);
  remove("sys");
  put("sys/module/x", "");
  const Finished finished = queues();
  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_NE(finished.err.find("sudo modprobe amdgpu"), std::string::npos);
}

TEST_F(QueuesVerb, RefusesWhatMakesNoSense) {
  EXPECT_EQ(queues("--pid 0").exit_code, 2);
  EXPECT_EQ(queues("--gpu 0x1").exit_code, 2);
  EXPECT_EQ(queues("--format xml").exit_code, 2);
  EXPECT_EQ(queues("name:python3").exit_code, 2);
  for (const std::string period : {"1", "0s", "tree:1"}) {
    const Finished finished = queues("--watch " + period);
    EXPECT_EQ(finished.exit_code, 2) << period;
    EXPECT_NE(finished.err.find("reading --watch"), std::string::npos);
  }
  const Finished finished = gpreempt("queues --sysroot /nowhere/at-all");
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("--sysroot /nowhere/at-all"), std::string::npos);
}

TEST_F(QueuesVerb, LooksAtThisMachineToo) {
  const Finished finished = gpreempt("queues --format json");
  EXPECT_TRUE(finished.exit_code == 0 || finished.exit_code == 3) << finished.err;
}

}  // namespace
}  // namespace gpreempt::cli
